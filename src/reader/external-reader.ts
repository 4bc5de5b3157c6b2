import { messageOf } from '../contract/index.js';
import { OWN_DUCKDB_VERSION } from './own-reader.js';
import { runProgram } from './program.js';

/** Where readers of databases from a newer DuckDB are looked for, besides `PATH`. */
export interface ExternalReaderOptions {
  /** A `duckdb`, or a Python with the module `duckdb`, and its arguments (`AKOSHA_READER_COMMAND`). */
  command?: readonly string[] | undefined;
  /** A folder with the Python module `duckdb`: the one that set-up installs. */
  pythonPath?: string | undefined;
}

/** A program with a DuckDB newer than this build's. */
export interface ExternalReader {
  /** As a snapshot and a receipt name it: `duckdb-cli 2.0.0`, `duckdb-python 2.0.0`. */
  name: string;
  source: 'setting' | 'path' | 'python' | 'set-up';
  /** What to run to have it carry out the SQL on its standard input. */
  command: readonly string[];
  environment: NodeJS.ProcessEnv;
}

/** How to get a reader, for whoever reads that one is missing. */
export const READER_REMEDY =
  'put a newer duckdb on PATH, or install it for python3 ("pip install duckdb"), or name one in reader_command (AKOSHA_READER_COMMAND)';

type Candidate = Pick<ExternalReader, 'source' | 'command' | 'environment'>;

/** A Python that imports its DuckDB for the first time was seen to take 2 s. */
const PROBE_TIMEOUT_MS = 10_000;

/** An entry of `PATH` could be relative; no program lies here. */
const PROBE_FOLDER = '/';

const PYTHON_RUN = ['-c', 'import sys, duckdb; duckdb.connect().execute(sys.stdin.read())'];
const PYTHON_VERSION = ['-c', 'import duckdb; print(duckdb.__version__)'];
/** Without the user's own start-up file, and with nothing done after the first error. */
const CLI_RUN = ['-no-init', '-batch', '-bail', ':memory:'];

/**
 * The reader that a database from a newer DuckDB would be handed to first: of the configured command, a `duckdb` on `PATH`,
 * Python's module and the module that set-up installed, the first that is newer than this build's DuckDB. `onPassedOver` is told why the
 * configured command is not it.
 */
export async function findExternalReader(
  options: ExternalReaderOptions,
  onPassedOver?: (reason: string) => void,
): Promise<ExternalReader | undefined> {
  for await (const reader of externalReaders(options, onPassedOver)) return reader;
  return undefined;
}

/** All of them in that order, each looked for when its turn comes. */
export async function* externalReaders(
  options: ExternalReaderOptions,
  onPassedOver?: (reason: string) => void,
): AsyncGenerator<ExternalReader> {
  for (const candidate of candidates(options)) {
    try {
      yield { ...candidate, ...(await probe(candidate)) };
    } catch (error) {
      // Most machines lack most of the others.
      if (candidate.source === 'setting')
        onPassedOver?.(`${candidate.command.join(' ')}: ${messageOf(error)}`);
    }
  }
}

function candidates({ command, pythonPath }: ExternalReaderOptions): Candidate[] {
  const found: Candidate[] = [
    { source: 'path', command: ['duckdb'], environment: {} },
    { source: 'python', command: ['python3'], environment: {} },
  ];
  if (command !== undefined) found.unshift({ source: 'setting', command, environment: {} });
  if (pythonPath !== undefined) {
    // No bytecode beside the module: its folder may be another user's.
    const environment = { PYTHONPATH: pythonPath, PYTHONDONTWRITEBYTECODE: '1' };
    found.push({ source: 'set-up', command: ['python3'], environment });
  }
  return found;
}

/** Raises an error where the program is missing, has no DuckDB, or one that reads no more than ours. */
async function probe({ command, environment }: Candidate): Promise<Pick<ExternalReader, 'name' | 'command'>> {
  const ask = (args: readonly string[]): Promise<string> =>
    runProgram([...command, ...args], { cwd: PROBE_FOLDER, environment, timeoutMs: PROBE_TIMEOUT_MS });
  const itself = await ask(['--version']);
  const python = itself.startsWith('Python ');
  const version = /\d+\.\d+\.\d+/.exec(python ? await ask(PYTHON_VERSION) : itself)?.[0];
  if (version === undefined) throw new Error('is neither a duckdb nor a Python that has it');
  if (version.localeCompare(OWN_DUCKDB_VERSION, 'en', { numeric: true }) <= 0) {
    throw new Error(`DuckDB ${version} reads no more than this build's ${OWN_DUCKDB_VERSION}`);
  }
  return python
    ? { name: `duckdb-python ${version}`, command: [...command, ...PYTHON_RUN] }
    : { name: `duckdb-cli ${version}`, command: [...command, ...CLI_RUN] };
}

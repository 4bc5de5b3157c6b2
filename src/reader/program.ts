import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** What a DuckDB says is short; a program that says more is another. */
const MAX_OUTPUT_BYTES = 1_048_576;

/** Of a failed program's last words: enough for DuckDB's message, little enough for a log line. */
const MAX_REASON = 400;

export interface ProgramOptions {
  /** Text for its standard input. */
  input?: string;
  cwd: string;
  /** Added to this process's environment. */
  environment?: NodeJS.ProcessEnv;
  timeoutMs: number;
}

const run = promisify(execFile);

/** What a program printed. Raises an error with its last words where it cannot be run, fails, or is not done in time. */
export async function runProgram(
  [program = '', ...args]: readonly string[],
  { input = '', cwd, environment, timeoutMs }: ProgramOptions,
): Promise<string> {
  const running = run(program, args, {
    cwd,
    env: { ...process.env, ...environment },
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
    maxBuffer: MAX_OUTPUT_BYTES,
  });
  // One that ends without reading its input says why elsewhere.
  running.child.stdin?.on('error', () => undefined).end(input);
  try {
    return (await running).stdout;
  } catch (error) {
    throw new Error(reasonOf(error, timeoutMs), { cause: error });
  }
}

function reasonOf(error: unknown, timeoutMs: number): string {
  if (!(error instanceof Error)) return String(error);
  if ('killed' in error && error.killed === true) return `not done after ${timeoutMs} ms`;
  const printed = 'stderr' in error ? String(error.stderr).trim() : '';
  return (printed === '' ? error.message : lastWords(printed)).slice(0, MAX_REASON);
}

/** Python prints its stack first. */
function lastWords(text: string): string {
  const lines = text.split('\n');
  return (lines.findLast((line) => /\w Error:/.test(line)) ?? lines.at(-1) ?? text).trim();
}

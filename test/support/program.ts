import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { access, cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createAkoshaClient, type AkoshaClient } from '../../src/client/index.js';
import { findRunning, signalProcess } from '../../src/runtime/index.js';

const ROOT = path.resolve(import.meta.dirname, '../..');
const MAIN = path.join(ROOT, 'dist/cli/akosha.cjs');

export const CLOCK = '2026-11-22T12:00:00Z';

export interface ServerEntry {
  name: 'temporal' | 'weed';
  pid: number;
  startedAt: string;
  ports: Record<string, number>;
}

export interface CommandResult {
  code: number;
  stdout: string;
  stderr: string;
}

/** The program as a user runs it: compiled, in processes of its own, on a data folder and ports of its own. */
export class Program {
  #process: ChildProcess | undefined;

  private constructor(
    readonly dataDir: string,
    readonly environment: Record<string, string>,
  ) {}

  /** Prepares a fresh data folder with a copy of the sample databases. Nothing runs yet. */
  static async create(environment: Record<string, string> = {}): Promise<Program> {
    const dataDir = await mkdtemp(path.join(tmpdir(), 'akosha-e2e-'));
    const host = path.join(dataDir, 'host');
    await cp(path.join(ROOT, 'samples/session-buddy'), host, { recursive: true });
    return new Program(dataDir, {
      AKOSHA_DATA_DIR: dataDir,
      AKOSHA_PORT: '0',
      AKOSHA_TEMPORAL_PORT: '0',
      AKOSHA_TEMPORAL_UI_PORT: '0',
      AKOSHA_SYSTEM_ID: 'laptop-1',
      AKOSHA_DATABASES: `${host}/reflection.duckdb,${host}/knowledge_graph.duckdb`,
      AKOSHA_CLOCK: CLOCK,
      AKOSHA_TIME_ZONE: 'UTC',
      AKOSHA_LOG_FORMAT: 'json',
      ...environment,
    });
  }

  get logFile(): string {
    return path.join(this.dataDir, 'program.log');
  }

  get running(): boolean {
    return (
      this.#process !== undefined && this.#process.exitCode === null && this.#process.signalCode === null
    );
  }

  /** Starts `akosha up`, with more environment for this run only, and waits until it is ready, unless it dies first. */
  async up(environment: Record<string, string> = {}, args: readonly string[] = []): Promise<void> {
    this.launch(environment, args);
    await this.waitUntil('ready', async () => {
      if (!this.running) throw new Error(`akosha up ended: ${await this.tail()}`);
      return this.#isReady();
    });
  }

  /** As `akosha status --ready` finds out, without a process for each look. */
  async #isReady(): Promise<boolean> {
    if ((await findRunning(this.dataDir))?.pid !== this.pid) return false;
    const { ready, agent_ready } = await this.api<{ ready: boolean; agent_ready: boolean }>('/api/v1/status');
    return ready && agent_ready;
  }

  /** What a command that reads or decides does, in this process: half a second of a core less. Fails where the answer says so. */
  async api<T>(route: string, method: 'GET' | 'POST' = 'GET', body?: object): Promise<T> {
    const response = await fetch(`${(await findRunning(this.dataDir))?.api_url}${route}`, {
      method,
      ...(body !== undefined && {
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      }),
    });
    if (!response.ok) throw new Error(`${method} ${route}: ${response.status} ${await response.text()}`);
    return (await response.json()) as T;
  }

  /** What `akosha sync --wait` does, in this process. Returns the upload's id. */
  async sync(): Promise<string> {
    return this.#withClient(async (client) => {
      const { uploadId } = await (await client.requestSync(this.systemId)).result();
      const folder = path.join(this.dataDir, 'objects/systems', this.systemId, 'uploads', uploadId);
      await this.waitUntil('receipted', () => exists(path.join(folder, 'receipt.json')), 90_000);
      return uploadId;
    });
  }

  /** What `akosha tiers run --wait` does, in this process. Returns the rows moved. */
  async age(asOf?: string): Promise<number> {
    return this.#withClient(async (client) => {
      const run = await client.runTierTransition({ all: true, ...(asOf === undefined ? {} : { asOf }) });
      const { toWarm, toCold } = await run.result();
      return toWarm + toCold;
    });
  }

  /** What `akosha ingest --wait` does, in this process. */
  async walk(): Promise<void> {
    await this.#withClient(async (client) => (await client.runDailyIngest({ wait: true })).result());
  }

  get systemId(): string {
    return this.environment['AKOSHA_SYSTEM_ID'] ?? '';
  }

  async #withClient<T>(work: (client: AkoshaClient) => Promise<T>): Promise<T> {
    const record = await findRunning(this.dataDir);
    const address = record?.temporal_address;
    if (address === undefined || address === null) throw new Error('akosha up does not run');
    const namespace = this.environment['TEMPORAL_NAMESPACE'];
    const client = createAkoshaClient({ address, ...(namespace === undefined ? {} : { namespace }) });
    try {
      return await work(client);
    } finally {
      await client.close();
    }
  }

  /** Starts `akosha up` and does not wait. */
  launch(environment: Record<string, string> = {}, args: readonly string[] = []): void {
    const log = createWriteStream(this.logFile, { flags: 'a' });
    this.#process = spawn(process.execPath, [MAIN, 'up', ...args], {
      env: this.#env(environment),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#process.stdout?.pipe(log, { end: false });
    this.#process.stderr?.pipe(log, { end: false });
  }

  get pid(): number {
    if (this.#process?.pid === undefined) throw new Error('akosha up does not run');
    return this.#process.pid;
  }

  /** Waits for the process to end, and answers with its exit code, or the signal's name. */
  async ended(): Promise<number | string> {
    const child = this.#process;
    if (child === undefined) throw new Error('akosha up does not run');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    return child.exitCode ?? child.signalCode ?? -1;
  }

  async signal(signal: NodeJS.Signals): Promise<number | string> {
    process.kill(this.pid, signal);
    return this.ended();
  }

  run(args: readonly string[], environment: Record<string, string> = {}): Promise<CommandResult> {
    return new Promise((resolve) => {
      const child = execFile(
        process.execPath,
        [MAIN, ...args],
        { env: this.#env(environment), maxBuffer: 64 * 2 ** 20, timeout: 120_000 },
        (_error, stdout, stderr) => {
          resolve({ code: child.exitCode ?? -1, stdout, stderr });
        },
      );
    });
  }

  /** Runs a command that must succeed, and parses its JSON. */
  async json<T>(...args: string[]): Promise<T> {
    const { code, stdout, stderr } = await this.run([...args, '--json']);
    if (code !== 0)
      throw new Error(`akosha ${args.join(' ')} exited ${code}: ${stdout}${stderr}\n${await this.tail()}`);
    return JSON.parse(stdout) as T;
  }

  async waitUntil(what: string, test: () => Promise<boolean>, timeoutMs = 60_000): Promise<void> {
    const deadline = Date.now() + timeoutMs;
    while (!(await test())) {
      if (Date.now() > deadline) throw new Error(`not ${what} after ${timeoutMs} ms: ${await this.tail()}`);
      await sleep(100);
    }
  }

  /** Everything the program wrote, over all its runs. */
  log(): Promise<string> {
    return readFile(this.logFile, 'utf8').catch(() => '');
  }

  async tail(lines = 30): Promise<string> {
    const text = await this.log();
    return text.split('\n').slice(-lines).join('\n');
  }

  /** The servers on record: those that the program started and has not ended. */
  async servers(): Promise<ServerEntry[]> {
    const file = path.join(this.dataDir, 'run/servers.json');
    const text = await readFile(file, 'utf8').catch(() => '{"servers":[]}');
    return (JSON.parse(text) as { servers: ServerEntry[] }).servers;
  }

  /** Ends what runs, servers included, and removes the folder. */
  async destroy(): Promise<void> {
    if (this.running) await this.signal('SIGTERM');
    // A killed program leaves its servers running.
    for (const server of await this.servers()) signalProcess(server, 'SIGKILL');
    await rm(this.dataDir, { recursive: true, force: true });
  }

  #env(more: Record<string, string>): NodeJS.ProcessEnv {
    const { PATH, HOME, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY } = process.env;
    return { PATH, HOME, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, ...this.environment, ...more };
  }
}

function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}

import { fork, type ChildProcess } from 'node:child_process';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { finished } from 'node:stream/promises';
import { AkoshaError } from '../contract/index.js';
import { entryPoint } from '../runtime/index.js';
import { BegunSchema, ResponseSchema, type Job, type Request } from './messages.js';
import { readerFailed } from './reader-failed.js';

/** Enough for the stack of a crash, little enough to stand in a log line. */
const STDERR_TAIL = 2000;

/** An idle reader ends within milliseconds of its channel closing; one that has not by then never will. */
const END_GRACE_MS = 2000;

/**
 * What a reader is told of this process's environment: enough to start, and no credentials. A file that took
 * a reader over would find none.
 */
const PASSED_ON = [
  'PATH',
  'HOME',
  'TMPDIR',
  'LANG',
  'LC_ALL',
  'LD_LIBRARY_PATH',
  'SystemRoot',
  'TEMP',
  'TMP',
];

/** How readers' folders are called. */
const PREFIX = '.reader-';

/** What was not written to for so long is of a process that died: no job takes a day. */
const LEFTOVER_MS = 24 * 60 * 60 * 1000;

export interface RunOptions {
  timeoutMs: number;
  signal?: AbortSignal | undefined;
  /** Called when the reader has started, and its time begins. */
  onBegun?: (() => void) | undefined;
}

/** One child process. Runs one job at a time. */
export class ReaderProcess {
  readonly #child: ChildProcess;
  readonly #gone: Promise<void>;
  #stderr = '';
  #jobs = 0;
  #usable = true;
  #folder: string | undefined;

  constructor(environment: NodeJS.ProcessEnv) {
    this.#child = fork(entryPoint(import.meta.url, '../program/reader-child.js'), [], {
      // Nothing of the parent's own flags: a debugger's port or a test runner's loader is not for a child.
      execArgv: [],
      env: environment,
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      // A process group of its own, so that a program it runs over a newer database ends with it, however it ends.
      detached: true,
    });
    this.#gone = this.#watch();
  }

  /** False once it died or a job of it failed. */
  get usable(): boolean {
    return this.#usable;
  }

  get jobs(): number {
    return this.#jobs;
  }

  /** A folder for all its jobs, made in `parent` at the first call, and gone with it. */
  async folderIn(parent: string): Promise<string> {
    if (this.#folder !== undefined) return this.#folder;
    await removeLeftovers(resolve(parent));
    const folder = await mkdtemp(join(resolve(parent), PREFIX));
    if (!this.#usable) {
      await removeFolder(folder);
      throw new Error('the reader ended before it began');
    }
    return (this.#folder = folder);
  }

  /** Not to be used again: a foreign file did something in it that no other is to meet. */
  spend(): void {
    this.#usable = false;
  }

  /** The result as the child sent it. Rejects with the job's own error, `ReaderFailed` or `Cancelled`. */
  async run(job: Job, options: RunOptions): Promise<unknown> {
    const id = ++this.#jobs;
    try {
      return await this.#exchange({ id, job }, options);
    } catch (error) {
      // Whatever went wrong, a foreign file was open in it: the next job gets a fresh process. Gone before
      // the error is seen, so that nothing writes any more into what the caller now removes.
      await this.kill();
      throw error;
    }
  }

  /**
   * Resolves when the child has ended and all it wrote is read. Not by its `close` event: after a disconnect
   * it has none.
   */
  async #watch(): Promise<void> {
    const { stderr } = this.#child;
    stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-STDERR_TAIL);
    });
    await new Promise<void>((resolve) => {
      this.#child.once('exit', () => {
        this.#killGroup();
        // What it sent before it died, that it had begun for one, may still be on its way.
        if (this.#child.connected) this.#child.once('disconnect', resolve);
        else resolve();
      });
      this.#child.on('error', (error) => {
        this.#stderr += error.message;
        // Any other error is of a message or a kill, and of a child that will have an exit.
        if (this.#child.pid === undefined) resolve();
      });
    });
    this.#usable = false;
    if (stderr !== null) await finished(stderr).catch(() => undefined);
    // What cannot be removed is no reason that the process should fail: the next reader in that folder clears it away.
    if (this.#folder !== undefined) await removeFolder(this.#folder).catch(() => undefined);
  }

  #exchange(request: Request, { timeoutMs, signal, onBegun }: RunOptions): Promise<unknown> {
    const child = this.#child;
    const what = describe(request.job);
    let begun = false;
    return new Promise<unknown>((resolve, reject) => {
      const settle = (action: () => void): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', onAbort);
        child.off('message', onMessage);
        action();
      };
      const fail = (error: AkoshaError): void => settle(() => reject(error));
      const onMessage = (message: unknown): void => {
        if (BegunSchema.safeParse(message).data?.id === request.id) {
          // Once: a reader that a file has taken over gets no second term by saying so.
          if (!begun) timer.refresh();
          begun = true;
          return onBegun?.();
        }
        const response = ResponseSchema.safeParse(message);
        if (!response.success || response.data.id !== request.id) {
          // A reader of another version: this process should have been restarted when the program was updated.
          return fail(readerFailed(`${what}: the reader's answer is not of the protocol`, { machine: true }));
        }
        const answer = response.data;
        if (answer.ok) return settle(() => resolve(answer.result));
        const { type, message: text, details } = answer.error;
        fail(begun ? new AkoshaError(type, text, { details }) : readerFailed(text, { machine: true }));
      };
      const onGone = (): void => {
        const how =
          child.signalCode ?? (child.pid === undefined ? 'not started' : `exit code ${child.exitCode}`);
        const text = `${what}: the reader died (${how}) ${this.#stderr}`.trimEnd();
        fail(readerFailed(text, { machine: !begun }));
      };
      const onAbort = (): void =>
        fail(new AkoshaError('Cancelled', `${what}: cancelled`, { cause: signal?.reason }));
      const timer = setTimeout(
        () => fail(readerFailed(`${what}: not done after ${timeoutMs} ms`, { machine: !begun })),
        timeoutMs,
      );

      child.on('message', onMessage);
      void this.#gone.then(onGone);
      signal?.addEventListener('abort', onAbort, { once: true });
      if (signal?.aborted === true) return onAbort();
      child.send(request, (error) => {
        // It is dying, and will say better why; should it not, the request was not taken all the same.
        if (error !== null) void this.kill();
      });
    });
  }

  /** Ends it at once; resolves when it is gone. */
  async kill(): Promise<void> {
    this.#usable = false;
    this.#killGroup();
    await this.#gone;
  }

  /** While a member lives, nobody else gets the group's number; where none does, there is no such group. */
  #killGroup(): void {
    const { pid } = this.#child;
    if (pid === undefined) return;
    try {
      process.kill(-pid, 'SIGKILL');
    } catch (error) {
      // macOS says EPERM of a group that is all zombies.
      const code = error instanceof Error && 'code' in error ? error.code : undefined;
      if (code !== 'ESRCH' && code !== 'EPERM') throw error;
    }
  }

  /** Ends an idle one. */
  async end(): Promise<void> {
    this.#usable = false;
    if (this.#child.connected) this.#child.disconnect();
    const timer = setTimeout(() => this.#killGroup(), END_GRACE_MS);
    await this.#gone;
    clearTimeout(timer);
  }
}

/** A process that was killed together with its readers leaves their folders, with memories in them. */
async function removeLeftovers(parent: string): Promise<void> {
  for (const name of await readdir(parent)) {
    if (!name.startsWith(PREFIX)) continue;
    const folder = join(parent, name);
    const found = await stat(folder).catch(() => undefined);
    if (found !== undefined && found.mtimeMs < Date.now() - LEFTOVER_MS) {
      await removeFolder(folder).catch(() => undefined);
    }
  }
}

/** Several tries, because a program that was killed a moment ago may end its last write meanwhile. */
function removeFolder(folder: string): Promise<void> {
  return rm(folder, { recursive: true, force: true, maxRetries: 3 });
}

export function readerEnvironment(failPoints: boolean): NodeJS.ProcessEnv {
  const names = failPoints ? [...PASSED_ON, 'AKOSHA_FAIL_POINT', 'AKOSHA_FAIL_RECORD'] : PASSED_ON;
  return Object.fromEntries(names.map((name) => [name, process.env[name]]));
}

/** An upload may hold a thousand files, and a reason stands in its receipt. */
function named(labels: readonly string[]): string {
  const first = labels.slice(0, 3).join(', ');
  return labels.length <= 3 ? first : `${first} and ${labels.length - 3} more`;
}

function describe(job: Job): string {
  switch (job.job) {
    case 'hashFile':
      return `hashing ${job.path}`;
    case 'checkPatterns':
      return 'checking the patterns of exclude_patterns';
    case 'assembleKept':
      return `writing what is not excluded to ${job.output}`;
    case 'snapshotDatabase':
      return `taking a snapshot of ${job.database}`;
    case 'readDatabases':
      return `reading ${named(job.databases.map(({ label }) => label))}`;
    case 'buildDatabase':
      return 'building a database';
    case 'packRows':
      return 'writing rows as Parquet';
    case 'listRows':
      return 'listing rows';
  }
}

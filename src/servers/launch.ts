import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, readFileSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { AkoshaError, isAkoshaError, messageOf } from '../contract/index.js';
import type { ServerName } from './packages.js';
import { SERVER_PROGRAMS } from './packages.js';
import { endProcess, isRunning, processStart, type ProcessRef } from '../runtime/index.js';

/** A server program that answers. */
export interface RunningServer {
  readonly name: ServerName;
  readonly pid: number;
  /** By purpose: `main` is the one that clients use, `ui` the web page's. */
  readonly ports: Readonly<Record<string, number>>;
  /** Where clients connect: `host:port` for Temporal, a URL for S3. */
  readonly url: string;
  readonly logFile: string;
  /** True where an earlier run of the program started it. */
  readonly adopted: boolean;
  isRunning(): boolean;
  /** Ends it, by force if it does not go by itself. Ending one that has ended is no error. */
  stop(): Promise<void>;
}

/** A server program that was started, whether it answers yet or not. */
export interface StartedServer extends ProcessRef {
  name: ServerName;
  executable: string;
  ports: Record<string, number>;
  url: string;
  logFile: string;
}

export type OnServerStart = (server: StartedServer) => void;

export interface LaunchOptions extends Omit<StartedServer, keyof ProcessRef> {
  args: string[];
  /** Added to the environment the server gets. */
  environment?: Record<string, string>;
  /** Working folder: servers look for their settings files there. */
  folder: string;
  /**
   * Own process group, so that Ctrl-C in the terminal reaches only the program, which still needs the server to
   * hand back its work. Without it the server goes down with its starter's group.
   */
  detached: boolean;
  /** Called again and again: resolves when the server serves, rejects as long as it does not. */
  ready: () => Promise<void>;
  /** Called in the same turn of the event loop as the start, before anything else can fail. */
  onStart?: OnServerStart | undefined;
  /** Called after each `stop()`. */
  onStopped?: () => void;
}

/** Both servers serve within 2 s on a quiet machine; a cold disk and two busy cores were seen to take ten times that. */
const START_TIMEOUT_MS = 60_000;
const POLL_MS = 50;
/** Enough for a Go panic's first goroutine. */
const TAIL_BYTES = 4_000;

/**
 * Starts a server program and waits until it serves.
 *
 * @throws AkoshaError `ServerFailed` with the tail of its log where it ends early or does not serve in 60 s.
 */
export async function launch(options: LaunchOptions): Promise<RunningServer> {
  mkdirSync(dirname(options.logFile), { recursive: true });
  const log = openSync(options.logFile, 'a');
  const logStart = statSync(options.logFile).size;
  const fail = (what: string, cause?: unknown): AkoshaError => {
    const own = readFileSync(options.logFile).subarray(logStart);
    const tail = own.subarray(-TAIL_BYTES).toString('utf8').trim();
    // A panic says its reason first, and its goroutines may be longer than the tail.
    const portTaken = PORT_TAKEN.test(own.toString('utf8'));
    const message = `${SERVER_PROGRAMS[options.name].title} (${options.executable}) ${what}. The end of its log:\n${tail || '(empty)'}`;
    return new AkoshaError('ServerFailed', message, {
      cause,
      details: { logFile: options.logFile, portTaken },
    });
  };
  let child: ChildProcess;
  try {
    child = spawn(options.executable, options.args, {
      cwd: options.folder,
      detached: options.detached,
      env: { ...inheritedEnvironment(), ...options.environment },
      stdio: ['ignore', log, log],
    });
  } finally {
    closeSync(log);
  }
  // A server must not keep alive a program that has nothing else to do; whoever needs it gone calls stop().
  child.unref();
  const ended = earlyEnd(child);
  const startedAt = child.pid === undefined ? undefined : processStart(child.pid);
  if (child.pid === undefined || startedAt === undefined) throw fail(`did not start: ${await ended}`);
  const process = { pid: child.pid, startedAt };
  const { name, executable, ports, url, logFile } = options;
  options.onStart?.({ ...process, name, executable, ports, url, logFile });

  const deadline = Date.now() + START_TIMEOUT_MS;
  for (;;) {
    const error = await options.ready().then(
      () => undefined,
      (cause: unknown) => ({ cause }),
    );
    if (!isRunning(process)) throw fail(`did not start: ${await ended}`);
    if (error === undefined) return runningServer(process, { ...options, adopted: false });
    if (Date.now() > deadline) {
      await endProcess(process);
      throw fail(
        `does not answer after ${START_TIMEOUT_MS / 1000} s: ${messageOf(error.cause)}`,
        error.cause,
      );
    }
    await sleep(POLL_MS);
  }
}

const ExitArguments = z.tuple([z.number().nullable(), z.string().nullable()]);

/** How the process ended, in words. Never rejects: an early end is the caller's news, not an unhandled error. */
async function earlyEnd(child: ChildProcess): Promise<string> {
  try {
    const [code, signal] = ExitArguments.parse(await once(child, 'exit'));
    return code === null ? `it was ended by ${signal ?? 'no signal'}` : `it exited with code ${code}`;
  } catch (error) {
    return messageOf(error);
  }
}

/**
 * What a server needs of our environment: not our token, and not settings of the same prefix that we mean for our
 * own clients.
 */
function inheritedEnvironment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !/^(AKOSHA|AWS|S3|TEMPORAL|WEED)_/.test(name));
  return Object.fromEntries(kept);
}

/** A started or adopted process, as callers see it. */
export function runningServer(
  process: ProcessRef,
  facts: Pick<RunningServer, 'name' | 'ports' | 'url' | 'logFile' | 'adopted'> & {
    onStopped?: (() => void) | undefined;
  },
): RunningServer {
  const { name, ports, url, logFile, adopted, onStopped } = facts;
  return {
    ...{ name, ports, url, logFile, adopted },
    pid: process.pid,
    isRunning: () => isRunning(process),
    stop: async () => {
      await endProcess(process);
      onStopped?.();
    },
  };
}

/**
 * Starts a server on ports that were free a moment ago. Between the look and the server's own claim another process
 * may take one; then the server ends early, and other ports are tried. Where the setting names the port
 * (`fixedPort` is neither 0 nor missing) a second try would meet the same.
 */
export async function withFreePorts<T>(fixedPort: number | undefined, start: () => Promise<T>): Promise<T> {
  // Three losses of that race in a row mean something else is wrong, and the log says what.
  const attempts = fixedPort ? 1 : 3;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await start();
    } catch (error) {
      const portTaken = isAkoshaError(error, 'ServerFailed') && error.details['portTaken'] === true;
      if (attempt === attempts || !portTaken) throw error;
    }
  }
}

/** What the servers' logs say then. */
const PORT_TAKEN = /address already in use|port.*(in use|not available|unavailable)/i;

import { setTimeout as sleep } from 'node:timers/promises';
import { temporalConnection, type Settings } from '../config/index.js';
import { AkoshaError } from '../contract/index.js';
import { endProcess, findRunning, isRunning } from '../runtime/index.js';
import {
  ensureS3,
  ensureTemporal,
  recordedServers,
  type RunningServer,
  type ServerRecord,
} from '../servers/index.js';
import type { Logger } from '../telemetry/index.js';
import { localS3Access, localS3Url, useLocalS3Credentials } from './local-s3.js';

/** The servers that `akosha up` runs beside the program. */
export interface LocalServers {
  /** Undefined where the environment names a Temporal of its own. */
  temporalAddress: string | undefined;
  temporalUiUrl: string | null;
  /** Settings that follow from them. */
  settings: Partial<Settings>;
  stop(): Promise<void>;
}

export interface LocalServerOptions {
  s3: boolean;
  log: Logger;
  /** From when on a server that dies stays dead. */
  signal: AbortSignal;
}

/** A dead server is noticed within this time; looking costs one system call. */
const WATCH_MS = 500;

/**
 * Starts the servers of a data folder, or adopts those that a killed run left behind, and starts one again, on its ports, that dies.
 * Raises `StoreLocked` where a program runs on the folder already: its servers are not to be touched.
 */
export async function startLocalServers(
  settings: Settings,
  { s3, log, signal }: LocalServerOptions,
): Promise<LocalServers> {
  const running = await findRunning(settings.dataDir);
  if (running !== undefined) {
    throw new AkoshaError(
      'StoreLocked',
      `process ${running.pid} runs on ${settings.dataDir} already: stop it, or set AKOSHA_DATA_DIR to another folder`,
    );
  }
  const watch = new Watch(log, signal);
  try {
    const temporal = temporalConnection(settings).configured
      ? undefined
      : await startTemporal(settings, watch);
    return {
      temporalAddress: temporal?.url,
      temporalUiUrl:
        temporal === undefined
          ? null
          : `http://127.0.0.1:${temporal.ports['ui']}/namespaces/default/workflows`,
      settings: s3 ? await startS3(settings, watch) : {},
      stop: () => watch.stop(),
    };
  } catch (error) {
    await watch.stop();
    throw error;
  }
}

/**
 * For a forced end, which is not to take the 15 s of an orderly one. A killed server loses nothing that it acknowledged, as after
 * every sudden end of the program.
 */
const FORCED_GRACE_MS = 2_000;

/** After a kill a process is gone in milliseconds, unless the system holds it. */
const FORCED_LIMIT_MS = 5_000;

/** The servers that run for this folder, those that are just being started among them. */
export function runningLocalServers(dataDir: string): ServerRecord[] {
  return recordedServers(dataDir).filter(isRunning);
}

/**
 * Ends them within 5 s and returns those that the system does not let go. Only for the
 * holder of the folder's lock, after its `signal` was raised.
 */
export async function endLocalServers(dataDir: string): Promise<ServerRecord[]> {
  const limit = Date.now() + FORCED_LIMIT_MS;
  for (;;) {
    const running = runningLocalServers(dataDir);
    if (running.length === 0 || Date.now() >= limit) return running;
    const ended = Promise.all(running.map((server) => endProcess(server, FORCED_GRACE_MS)));
    await Promise.race([ended, sleep(limit - Date.now())]);
  }
}

function startTemporal(settings: Settings, watch: Watch): Promise<RunningServer> {
  return watch.add((ports) =>
    ensureTemporal({
      dataFolder: settings.dataDir,
      port: ports?.['main'] ?? settings.temporalPort,
      uiPort: ports?.['ui'] ?? settings.temporalUiPort,
    }),
  );
}

async function startS3(settings: Settings, watch: Watch): Promise<Partial<Settings>> {
  const access = await localS3Access(settings.dataDir);
  await useLocalS3Credentials(settings.dataDir);
  const server = await watch.add((ports) =>
    ensureS3({ dataFolder: settings.dataDir, ...access, port: ports?.['main'] ?? 0 }),
  );
  const objectStore = localS3Url(server.url);
  return { objectStore, archiveStore: objectStore };
}

type Start = (ports: RunningServer['ports'] | undefined) => Promise<RunningServer>;

/** Servers that are kept running. */
class Watch {
  readonly #stopping = new AbortController();
  readonly #watched: { current: RunningServer; done: Promise<void> }[] = [];

  constructor(
    private readonly log: Logger,
    signal: AbortSignal,
  ) {
    signal.addEventListener('abort', () => this.#stopping.abort(), { once: true });
  }

  async add(start: Start): Promise<RunningServer> {
    const entry = { current: await start(undefined), done: Promise.resolve() };
    entry.done = this.#keep(entry, start);
    this.#watched.push(entry);
    return entry.current;
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    for (const entry of this.#watched) {
      await entry.done;
      await entry.current.stop();
    }
  }

  async #keep(entry: { current: RunningServer }, start: Start): Promise<void> {
    const { signal } = this.#stopping;
    for (;;) {
      await sleep(WATCH_MS, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      if (entry.current.isRunning()) continue;
      this.log.warn({ server: entry.current.name }, 'a local server died; starting it again');
      try {
        entry.current = await start(entry.current.ports);
      } catch (error) {
        this.log.error(
          { err: error, server: entry.current.name },
          'a local server does not start; trying again',
        );
      }
    }
  }
}

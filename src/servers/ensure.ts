import { existsSync, mkdirSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { runningServer, type OnServerStart, type RunningServer } from './launch.js';
import type { ServerName } from './packages.js';
import {
  adoptOrEnd,
  folderIdentity,
  readRecords,
  removeRecord,
  writeRecord,
  type ServerRecord,
} from './record.js';
import { checkS3, removeSockets, startS3Server, type S3ServerOptions } from './s3-server.js';
import { checkTemporal, startTemporalServer, type TemporalServerOptions } from './temporal-server.js';

/** The file in the data folder that says which servers the program started. */
export function serverRecordFile(dataFolder: string): string {
  return join(dataFolder, 'run', 'servers.json');
}

/** The servers that were started for this data folder, running or not. A copy of a folder brings the records of that one along. */
export function recordedServers(dataFolder: string): ServerRecord[] {
  if (!existsSync(dataFolder)) return [];
  const here = folderIdentity(realpathSync(dataFolder));
  return readRecords(serverRecordFile(here.path)).filter(
    ({ folder }) => folder.path === here.path || folder.id === here.id,
  );
}

export type EnsureTemporalOptions = Omit<TemporalServerOptions, 'detached' | 'onStart'>;
export type EnsureS3Options = Omit<S3ServerOptions, 'detached' | 'onStart'>;

/**
 * The Temporal server of this data folder: the one that an earlier run of the program left behind, or a new one.
 * It runs in its own process group, because Ctrl-C must not take it down before the program has drained.
 *
 * @throws AkoshaError `ServerMissing` or `ServerFailed`.
 */
export async function ensureTemporal(options: EnsureTemporalOptions): Promise<RunningServer> {
  const wantsUi = options.uiPort !== null;
  return ensure('temporal', options, {
    wanted: ({ ports }) =>
      isWanted(options.port, ports['main']) &&
      wantsUi === (ports['ui'] !== undefined) &&
      isWanted(options.uiPort, ports['ui']),
    answers: ({ url }) => checkTemporal(url),
    start: startTemporalServer,
  });
}

/** As `ensureTemporal`, for the S3 server. One with other credentials or another bucket does not answer, and is replaced. */
export async function ensureS3(options: EnsureS3Options): Promise<RunningServer> {
  return ensure('weed', options, {
    wanted: ({ ports }) => isWanted(options.port, ports['main']),
    answers: ({ url }) => checkS3(url, options),
    start: startS3Server,
    clear: removeSockets,
  });
}

interface Kind<Options> {
  wanted: (record: ServerRecord) => boolean;
  answers: (record: ServerRecord) => Promise<void>;
  start: (options: Options & { detached: boolean; onStart: OnServerStart }) => Promise<RunningServer>;
  /** Clears away what the server of these ports leaves behind. */
  clear?: (ports: ServerRecord['ports']) => void;
}

async function ensure<Options extends { dataFolder: string }>(
  name: ServerName,
  options: Options,
  { wanted, answers, start, clear }: Kind<Options>,
): Promise<RunningServer> {
  mkdirSync(options.dataFolder, { recursive: true, mode: 0o700 });
  const dataFolder = realpathSync(options.dataFolder);
  const recordFile = serverRecordFile(dataFolder);
  const left = await adoptOrEnd(recordFile, { name, dataFolder, wanted, answers });
  const server = left
    ? runningServer(left, { ...left, adopted: true, onStopped: () => clear?.(left.ports) })
    : await start({
        ...options,
        dataFolder,
        detached: true,
        onStart: (started) => writeRecord(recordFile, { ...started, folder: folderIdentity(dataFolder) }),
      });
  return {
    ...server,
    stop: async () => {
      await server.stop();
      removeRecord(recordFile, server);
    },
  };
}

/** Whether a running server's port is the one the settings ask for; 0 asks for any. */
function isWanted(setting: number | null | undefined, actual: number | undefined): boolean {
  return !setting || setting === actual;
}

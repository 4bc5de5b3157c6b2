import type { Settings } from '../config/index.js';
import { openObjectStore } from '../objects/index.js';
import { ReaderPool } from '../reader/index.js';
import { resolveSystemId, type HostContext, type UploadLog } from '../upload/index.js';

export interface AgentParts {
  host: HostContext;
  close(): Promise<void>;
}

/** One: a host uploads one database after the other, and its other programs come first. */
const READERS = 1;

/** What a host's side works with. Loads nothing that only the server needs. */
export async function openAgentParts(
  settings: Settings,
  now: () => number,
  log?: UploadLog,
): Promise<AgentParts> {
  const systemId = await resolveSystemId(settings.systemId, settings.dataDir);
  const uploads = await openObjectStore(settings.objectStore);
  const reader = new ReaderPool({
    size: READERS,
    memoryLimitMb: settings.readerMemoryMb,
    jobTimeoutMs: settings.readerTimeoutSeconds * 1000,
  });
  return {
    host: {
      systemId,
      dataDir: settings.dataDir,
      databases: settings.databases,
      uploads,
      reader,
      timeZone: settings.timeZone,
      now,
      ...(log === undefined ? {} : { log }),
    },
    close: async () => {
      await reader.close();
      await uploads.close();
    },
  };
}

import type { MemoryStore } from '../store/index.js';

/** More than a person reads at once; `uploads.quarantined` counts them all. */
const LISTED = 100;

/** What waits for a person, the latest first, and what systems call themselves where that is not their id. As JSON. */
export async function ingestStatus(store: MemoryStore): Promise<Record<string, unknown>> {
  const [quarantined, renamed] = await Promise.all([
    store.quarantinedUploads(LISTED),
    store.renamedSystems(LISTED),
  ]);
  return {
    quarantined: quarantined.map(({ systemId, systemName, uploadId, reason, since }) => ({
      system_id: systemId,
      ...(systemName === systemId ? {} : { label: systemName }),
      upload_id: uploadId,
      reason,
      since: new Date(since).toISOString(),
    })),
    renamed_systems: renamed.map(({ systemId, name }) => ({ system_id: systemId, label: name })),
  };
}

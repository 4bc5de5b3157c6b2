import { secondsSince } from '../contract/index.js';
import type { MemoryStore } from '../store/index.js';

/** More than a person reads at once; `uploads.quarantined` counts them all. */
const LISTED = 100;

/** Those that wait longest: a handful tells whether it is one host or all. */
const BEHIND = 10;

/** What waits in the queue and how long, what waits for a person, the latest first, and what systems call themselves where that is not their id. As JSON. */
export async function ingestStatus(store: MemoryStore): Promise<Record<string, unknown>> {
  const [backlog, behind, quarantined, renamed] = await Promise.all([
    store.backlog(),
    store.furthestBehind(BEHIND),
    store.quarantinedUploads(LISTED),
    store.renamedSystems(LISTED),
  ]);
  const now = Date.now();
  return {
    backlog: { uploads: backlog.uploads, oldest_age_seconds: ageOf(backlog.oldest, now) },
    systems_behind: behind.map(({ systemId, pending, oldest }) => ({
      system_id: systemId,
      pending,
      oldest_age_seconds: ageOf(oldest, now),
    })),
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

function ageOf(oldest: number | null, now: number): number | null {
  return oldest === null ? null : secondsSince(oldest, now);
}

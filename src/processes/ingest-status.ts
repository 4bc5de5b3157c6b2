import { secondsSince, type SystemId } from '../contract/index.js';
import type { MemoryStore, SystemLag } from '../store/index.js';

/** More than a person reads at once; `uploads.quarantined` counts them all. */
const LISTED = 100;

/** Those that wait longest: a handful tells whether it is one host or all. */
const BEHIND = 10;

/**
 * What waits in the queue and how long, what waits for a person, the latest first, and what systems call themselves where that is not their id; how far behind
 * `systemId` is, however many others wait longer. As JSON.
 */
export async function ingestStatus(
  store: MemoryStore,
  systemId?: SystemId,
): Promise<Record<string, unknown>> {
  const [backlog, behind, quarantined, renamed, [one]] = await Promise.all([
    store.backlog(),
    store.furthestBehind(BEHIND),
    store.quarantinedUploads(LISTED),
    store.renamedSystems(LISTED),
    systemId === undefined ? [] : store.furthestBehind(1, systemId),
  ]);
  const now = Date.now();
  return {
    backlog: { uploads: backlog.uploads, oldest_age_seconds: ageOf(backlog.oldest, now) },
    ...(systemId === undefined ? {} : { system: lagOf(one ?? { systemId, pending: 0, oldest: null }, now) }),
    systems_behind: behind.map((lag) => lagOf(lag, now)),
    quarantined: quarantined.map(({ systemId: id, systemName, uploadId, reason, since }) => ({
      system_id: id,
      ...(systemName === id ? {} : { label: systemName }),
      upload_id: uploadId,
      reason,
      since: new Date(since).toISOString(),
    })),
    renamed_systems: renamed.map(({ systemId: id, name }) => ({ system_id: id, label: name })),
  };
}

type Lag = Omit<SystemLag, 'oldest'> & { oldest: number | null };

function lagOf({ systemId, pending, oldest }: Lag, now: number): Record<string, unknown> {
  return { system_id: systemId, pending, oldest_age_seconds: ageOf(oldest, now) };
}

function ageOf(oldest: number | null, now: number): number | null {
  return oldest === null ? null : secondsSince(oldest, now);
}

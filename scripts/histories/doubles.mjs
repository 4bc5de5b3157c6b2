// What the activities of the recorded paths do: just enough to lead the workflows there.
import { ApplicationFailure } from '@temporalio/common';
import { NO_OUTAGE_WORK, NO_ROWS, NOTHING_FORGOTTEN } from '../../dist/contract/index.js';

/** The only system of all recorded runs. */
export const SYSTEM = 'recorded';

export const AGENT = {
  readOutbox: async () => ({ uploads: [], requested: false }),
  takeSnapshot: async ({ uploadId }) => ({
    status: 'prepared',
    uploadId,
    files: 1,
    bytes: 10,
    rows: { conversation: 1 },
    omitted: [],
  }),
  deliverUpload: async ({ uploadId }) => ({
    uploadId,
    method: 'cloud',
    files: ['reflection.duckdb'],
    bytes: 10,
  }),
  closeUpload: async () => {},
  dropUpload: async () => {},
  cancelUploads: async () => {},
  sendNotices: async () => {},
};

export const STORE = {
  handOver: async () => ({ added: true }),
  nextUpload: async () => null,
  ingestUpload: async () => ({ status: 'ingested', rows: { ...NO_ROWS, new: 1 }, reason: null }),
  walkPortion: portions(1),
  countUnfinished: async () => 0,
  planTransition: async ({ asOf }) => ({ asOf: asOf ?? 0, hot: 0, warm: 0, partitions: [] }),
  moveToWarm: async () => ({ due: 0, moved: 0 }),
  moveToCold: async () => ({ due: 0, moved: 0 }),
  moveChosen: async () => ({ due: 0, moved: 0, left: 0, next: null }),
  planCompaction: async () => ({ partitions: [] }),
  compactCold: async () => ({ rows: 2, sources: 2, objects: 1, failed: 0 }),
  retireUploads: async () => ({ deleted: 0, next: null }),
  scrubPortion: async () => ({ counts: { objects: 1, bytes: 10, placements: 2, rows: 0 }, next: null }),
  endScrub: async ({ counts }) => ({ ...counts, findings: 0, skipped: [] }),
  restoreDrill: async () => ({
    ...{ passed: true, reason: null, memories: 3, later: 1 },
    ...{ mismatches: 0, examples: [], objects: 2, seconds: 1 },
  }),
  beginForget: async () => ({ scopeId: `system/${SYSTEM}`, waitMs: 10 }),
  eraseForgotten: async () => ({ rows: 0, objects: 0, uploads: 0 }),
  finishForget: async () => ({ scopeId: `system/${SYSTEM}`, counts: NOTHING_FORGOTTEN }),
  sweep: async () => ({ rows: 1, tables: 1, objects: 1 }),
  endTransition: async () => ({
    toWarm: 1,
    toCold: 1,
    compacted: 0,
    held: 0,
    objects: 1,
    bytes: 1,
    seconds: 1,
  }),
  readOutage: async ({ start }) => ({
    ...{ start, detected: '2026-11-22T12:00:10.000Z', end: '2026-11-22T12:05:00.000Z' },
    totals: { ...NO_OUTAGE_WORK, ingested: 1, newRows: 1 },
    steps: [{ at: '2026-11-22T12:01:00.000Z', ms: 120, what: 'ingest', text: 'upload 1 of laptop ingested' }],
    ...{ omitted: 0, samples: [] },
  }),
  closeOutage: async () => {},
};

/** `waitMs`: before the second attempt, by default as the retry policy says. */
export function failingOnce(work, type = 'ObjectStoreUnavailable', nonRetryable = false, waitMs) {
  let failed = false;
  return async (input) => {
    if (failed) return work(input);
    failed = true;
    const failure = ApplicationFailure.create({
      type,
      message: 'injected',
      nonRetryable,
      ...(waitMs === undefined ? {} : { nextRetryDelay: waitMs }),
    });
    // It would name the folders of this machine.
    failure.stack = undefined;
    throw failure;
  };
}

/** A walk of so many portions, with one upload each. */
export function portions(count) {
  return async ({ state }) => {
    const seen = (state?.seen ?? 0) + 1;
    const done = seen === count;
    const systems = done ? null : { cursor: String(seen), after: `host-${seen}/`, restarts: 0 };
    const counts = { folders: seen, seen, added: seen, skipped: 0, read: seen, failed: 0, fault: null };
    return { state: { begunAt: 1, systemId: null, systems, rest: [], ...counts }, done, at: 1 };
  };
}

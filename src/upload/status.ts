import { existsSync } from 'node:fs';
import { outboxFile } from './outbox/database.js';
import { Outbox } from './outbox/outbox.js';
import type { UploadRow } from './outbox/row-shapes.js';
import { readWorkInProgress, type WorkInProgress } from './progress-file.js';

/** Where a host's uploads stand; names and times as every `--json` answer has them. */
export interface OutboxStatus {
  /** The last upload that was acknowledged, or found to bring nothing new; null: none is remembered. */
  last_sync: {
    upload_id: string;
    status: 'delivered' | 'unchanged';
    at: string;
    method: string | null;
    files: number;
    bytes: number;
  } | null;
  pending: {
    /** Askings that no snapshot has taken up. */
    requests: number;
    /** Snapshots that are to be taken or delivered. */
    uploads: number;
    /** Of those that are to be delivered, after compression. */
    bytes: number;
  };
  /** Failed tries of what comes next. */
  attempts: number;
  /** Null: nothing waits, or it is tried as soon as somebody can. */
  next_try_at: string | null;
  /** Of what waits, else of the last upload if that failed. */
  last_error: string | null;
  in_progress: WorkInProgress[];
}

/** Whether this data folder is a host's, which has been asked for an upload at some time. */
export function hasOutbox(dataDir: string): boolean {
  return existsSync(outboxFile(dataDir));
}

/** Reads the outbox of a data folder; whoever works on it is not disturbed. A folder without one has never been asked for an upload. */
export function outboxStatus(dataDir: string): OutboxStatus {
  const inProgress = readWorkInProgress(dataDir);
  if (!hasOutbox(dataDir)) return { ...NOTHING, in_progress: inProgress };
  const outbox = new Outbox({ dataDir, check: false });
  try {
    return { ...statusOf(outbox), in_progress: inProgress };
  } finally {
    outbox.close();
  }
}

const NOTHING: OutboxStatus = {
  last_sync: null,
  pending: { requests: 0, uploads: 0, bytes: 0 },
  attempts: 0,
  next_try_at: null,
  last_error: null,
  in_progress: [],
};

function statusOf({ rows }: Outbox): Omit<OutboxStatus, 'in_progress'> {
  const waiting = rows.uploadsIn('prepared', 'requested');
  const prepared = waiting.filter(({ state }) => state === 'prepared');
  const next = rows.next();
  const lastEnded = rows.lastEnded('delivered', 'unchanged', 'failed', 'cancelled');
  const lastSync = rows.lastEnded('delivered', 'unchanged');
  return {
    last_sync: lastSync === undefined ? null : syncOf(lastSync),
    pending: {
      requests: rows.openRequests().length,
      uploads: waiting.length,
      bytes: prepared.reduce((sum, { bytes }) => sum + bytes, 0),
    },
    attempts: next?.attempts ?? 0,
    next_try_at: next === undefined || next.nextTryAt === 0 ? null : iso(next.nextTryAt),
    last_error: next === undefined ? (lastEnded?.lastError ?? null) : next.lastError,
  };
}

function syncOf(row: UploadRow): OutboxStatus['last_sync'] {
  const { uploadId, answeredBy, state, endedAt, method, files, bytes } = row;
  return {
    upload_id: answeredBy ?? uploadId,
    status: state === 'unchanged' ? 'unchanged' : 'delivered',
    at: iso(endedAt ?? 0),
    method,
    files,
    bytes,
  };
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}

import type { Kind } from '../contract/index.js';
import { rowsIn } from './contents.js';
import { holderOf, outcomeIn } from './outcome.js';
import type { Outbox } from './outbox/outbox.js';
import type { UploadRow } from './outbox/row-shapes.js';

/** What a receiver of notices gets, as JSON; docs/reference/notices.md describes it. No text of a memory is ever in it. */
export interface Notice {
  event: 'sync.completed' | 'sync.failed';
  delivery: string;
  system_id: string;
  status: 'uploaded' | 'unchanged' | 'failed' | 'cancelled';
  upload_id: string | null;
  method: string | null;
  files: string[];
  bytes: number;
  rows: Partial<Record<Kind, number>>;
  requested_at: string;
  ended_at: string;
  duration_seconds: number;
  error: { type: string; message: string } | null;
}

/** Of an upload that has ended. The same whenever it is asked, so that each try sends the same. */
export function noticeOf({ rows }: Outbox, upload: UploadRow): Notice {
  const holder = holderOf(rows, upload);
  const { uploadId, method, filesUploaded, bytesTransferred } = outcomeIn(upload, holder);
  const status = statusOf(upload);
  const completed = status === 'uploaded' || status === 'unchanged';
  const contents = holder?.contents ?? null;
  const { requestedAt, endedAt } = spanOf(upload, rows.requestsOf(upload.uploadId)[0]?.createdAt);
  return {
    event: completed ? 'sync.completed' : 'sync.failed',
    // An upload that is asked for again under its id ends again.
    delivery: `${upload.uploadId}-${endedAt}`,
    system_id: upload.systemId,
    status,
    upload_id: uploadId,
    method,
    files: completed ? filesUploaded : [],
    bytes: bytesTransferred,
    rows: contents === null ? {} : rowsIn(contents),
    requested_at: new Date(requestedAt).toISOString(),
    ended_at: new Date(endedAt).toISOString(),
    duration_seconds: (endedAt - requestedAt) / 1000,
    error: completed ? null : errorOf(upload),
  };
}

/** From when an upload was first asked for to its end, in milliseconds since 1970. A clock that was set back makes it no less than none. */
export function spanOf(
  { createdAt, endedAt }: UploadRow,
  askedAt: number | undefined,
): { requestedAt: number; endedAt: number } {
  const ended = endedAt ?? createdAt;
  return { requestedAt: Math.min(askedAt ?? createdAt, createdAt, ended), endedAt: ended };
}

function statusOf({ state }: UploadRow): Notice['status'] {
  if (state === 'delivered') return 'uploaded';
  return state === 'unchanged' || state === 'cancelled' ? state : 'failed';
}

function errorOf({ state, errorType, lastError }: UploadRow): Notice['error'] {
  if (state === 'cancelled') return { type: 'Cancelled', message: 'the upload was cancelled' };
  return { type: errorType ?? 'Error', message: lastError ?? '' };
}

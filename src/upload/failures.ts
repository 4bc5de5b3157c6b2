import { isAkoshaError, messageOf } from '../contract/index.js';
import type { Host } from './host.js';
import { isPermanent } from './methods/index.js';

/** Errors that stand in the outbox, with when to try again. */
const recorded = new WeakSet<Error>();

/**
 * Puts a failed try down in the upload's row. Whoever gave up says nothing about the next try; a host without any database has nothing
 * to try again until somebody asks; an id that was used up asks for another snapshot; all else waits for its turn.
 */
export function recordFailure({ outbox: { rows } }: Host, uploadId: string, error: unknown): void {
  if (isAkoshaError(error, 'Cancelled')) return;
  if (isAkoshaError(error, 'NothingToUpload')) rows.failed(uploadId, error.type, messageOf(error));
  else if (isAkoshaError(error, 'UploadReplaced')) rows.replaced(uploadId, messageOf(error));
  else rows.tryFailed(uploadId, messageOf(error), { permanent: isPermanent(error) });
  if (error instanceof Error) recorded.add(error);
}

export function isRecorded(error: unknown): boolean {
  return error instanceof Error && recorded.has(error);
}

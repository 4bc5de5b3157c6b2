import { isAkoshaError, messageOf } from '../contract/index.js';
import type { Host } from './host.js';
import { isPermanent } from './methods/index.js';

/** Errors that stand in the outbox, with when to try again: each in the row of this upload. */
const recorded = new WeakMap<Error, string>();

/**
 * Puts a failed try down in the upload's row. Whoever gave up says nothing about the next try; a host without any database, or of which all is
 * forgotten, has nothing to try again until somebody asks; an id that was used up asks for another snapshot; all else waits for its turn.
 */
export function recordFailure({ outbox: { rows } }: Host, uploadId: string, error: unknown): void {
  if (isAkoshaError(error, 'Cancelled')) return;
  if (isAkoshaError(error, 'NothingToUpload') || isAkoshaError(error, 'SystemForgotten'))
    rows.failed(uploadId, error.type, messageOf(error));
  else if (isAkoshaError(error, 'UploadReplaced')) rows.replaced(uploadId, messageOf(error));
  else rows.tryFailed(uploadId, messageOf(error), { permanent: isPermanent(error) });
  if (error instanceof Error) recorded.set(error, uploadId);
}

/** In which upload's row an error stands; undefined where in none. */
export function recordedIn(error: unknown): string | undefined {
  return error instanceof Error ? recorded.get(error) : undefined;
}

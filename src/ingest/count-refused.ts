import { AkoshaError, isAkoshaError, manifestKey } from '../contract/index.js';
import { MAX_MANIFEST_BYTES } from '../memory/index.js';
import type { UploadRecord } from '../store/index.js';
import type { IngestContext } from './context.js';
import { countFailure } from './count-read.js';
import { signalOption } from './signal-option.js';

/** What Amazon S3 says of an object that a lifecycle rule has put where it is not read from: Glacier and the like. */
const ARCHIVED = 'InvalidObjectState';

/**
 * Runs the fetch of an upload's files, and counts one that fails for a reason of these objects alone: they are archived, damaged, or
 * encrypted with a key that this server may not use. Tried for ever, it would hold up the system's later uploads; so it gets as many attempts as
 * one that cannot be read. Where the server may read nothing at all, nothing is counted: a person mends that, and every upload goes on.
 *
 * Raises what `fetch` does, and `UploadUnreadable` when there have been enough.
 */
export async function countRefused<T>(
  context: IngestContext,
  record: UploadRecord,
  fetch: () => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  try {
    return await fetch();
  } catch (error) {
    if (!isAkoshaError(error) || !(await isOfUpload(context, record, error, signal))) throw error;
    throw await countFailure(context, record, withRemedy(error));
  }
}

async function isOfUpload(
  context: IngestContext,
  record: UploadRecord,
  error: AkoshaError,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  if (error.type === 'ObjectCorrupt') return true;
  if (error.type !== 'ObjectStoreRefused') return false;
  if (error.details['code'] === ARCHIVED) return true;
  // The manifest lies beside the file, and is read with the same permission. What keeps that back as well may keep back everything.
  return context.uploads
    .get(manifestKey(record.place), { maxBytes: MAX_MANIFEST_BYTES, ...signalOption(signal) })
    .then(
      () => true,
      () => false,
    );
}

/** The reason stands in the receipt, and whoever reads it is to know what to do. */
function withRemedy(error: AkoshaError): AkoshaError {
  const message = `${error.message}; once its objects can be read again, akosha quarantine retry takes it up`;
  return new AkoshaError(error.type, message, { cause: error, details: error.details });
}

import { AkoshaError, isAkoshaError, type UploadRef } from '../contract/index.js';
import { isMachineFault } from '../reader/index.js';
import type { UploadRecord } from '../store/index.js';
import type { IngestContext } from './context.js';

/**
 * So many times in a row a file may take its reader, or this process, down with it before it goes to quarantine. One failure may be
 * bad luck; but as long as the upload is tried, its system's later ones wait behind it. With the pauses between attempts, five take half a
 * minute where the reader dies at once, and five times its time limit where it hangs; twice that, where it is read beside what the store has,
 * and longer, where several systems' uploads hang, because these wait for each other.
 */
const MAX_READS = 5;

/**
 * Runs an attempt to read a fetched upload and counts it in the catalog, before it begins: a crash of this process counts, because a
 * file may be its reason. An innocent upload that is being read when the process dies for another reason loses one of its attempts
 * with it, until it has been read. Whatever ends an attempt otherwise, the object store, the store, the machine or a shutdown,
 * takes it back. Raises `UploadUnreadable` when there have been enough.
 */
export async function countRead<T>(
  context: IngestContext,
  { systemId, uploadId }: UploadRecord,
  read: () => Promise<T>,
): Promise<T> {
  const { store } = context;
  const ref = { systemId, uploadId };
  const { attempts, lastFailure } = await store.beginRead(ref);
  if (attempts > MAX_READS) throw exhausted(ref, lastFailure ?? 'the server died while it was being read');
  let result: T;
  try {
    result = await read();
  } catch (error) {
    if (!isAkoshaError(error, 'ReaderFailed') || isMachineFault(error)) {
      await store.withdrawRead(ref);
      throw error;
    }
    await store.recordReadFailure(ref, error.message);
    throw attempts < MAX_READS ? error : exhausted(ref, error.message, error);
  }
  await store.clearReads(ref);
  return result;
}

/**
 * Counts an attempt that failed before there was anything to read, for a reason of the upload's own. Returns what to raise: `error`, or
 * `UploadUnreadable` when there have been enough.
 */
export async function countFailure(
  { store }: IngestContext,
  { systemId, uploadId }: UploadRecord,
  error: AkoshaError,
): Promise<AkoshaError> {
  const ref = { systemId, uploadId };
  const { attempts } = await store.beginRead(ref);
  await store.recordReadFailure(ref, error.message);
  return attempts < MAX_READS ? error : exhausted(ref, error.message, error);
}

function exhausted({ systemId, uploadId }: UploadRef, reason: string, cause?: unknown): AkoshaError {
  return new AkoshaError(
    'UploadUnreadable',
    `upload ${uploadId} of system ${systemId}: reading it failed ${MAX_READS} times in a row, at last with: ${reason}`,
    { cause, details: { systemId, uploadId } },
  );
}

import { AkoshaError, manifestKey, type UploadRef } from '../contract/index.js';
import { failPoint } from '../faults/index.js';
import type { UploadRecord } from '../store/index.js';
import type { IngestContext } from './context.js';
import { inTurn } from './finish-upload.js';
import { requireUpload } from './ledger.js';

/**
 * Puts an upload that is ingested in the queue once more, to be read by the readers of today, as a new operation. All of it stands as it
 * was until that is committed, its receipt too. One that waits in the queue already stays there. Raises `UploadUnknown`, `UploadGone` where
 * its files are deleted, and `UploadStateMismatch` where it is not ingested.
 */
export function requestAgain(context: IngestContext, ref: UploadRef): Promise<UploadRecord> {
  return inTurn(ref, async () => {
    const record = await requireUpload(context.store, ref);
    if (record.state === 'pending' || isWaitingAgain(record)) return record;
    requireDone(record);
    if ((await context.uploads.head(manifestKey(record.place))) === undefined) throw gone(record);
    if (await context.store.requestAgain(ref)) {
      failPoint('again.after-request');
      context.log?.warn({ ...ref }, 'upload is to be ingested again');
    }
    return requireUpload(context.store, ref);
  });
}

export function isWaitingAgain({ again }: UploadRecord): boolean {
  return again !== null && again.requestedAt !== null;
}

/** It is taken out of the queue, and what it brought before stays. */
export async function abandonAgain(
  context: IngestContext,
  { systemId, uploadId }: UploadRecord,
  reason: string,
): Promise<void> {
  const ref = { systemId, uploadId };
  if (await context.store.abandonAgain(ref, reason))
    context.log?.warn({ ...ref, reason }, 'upload cannot be ingested again; it stays as it was');
}

function requireDone(record: UploadRecord): void {
  const { systemId, uploadId, state } = record;
  if (state === 'done') return;
  if (state === 'raw_gone') throw gone(record);
  const why: Partial<Record<typeof state, string>> = {
    quarantined: 'it is in quarantine: `akosha quarantine retry` reads it again',
    dropped: 'it was given up in quarantine: upload its files under another id',
  };
  throw new AkoshaError(
    'UploadStateMismatch',
    `upload ${uploadId} of system ${systemId} cannot be ingested again: ${why[state] ?? `it is ${state}, and done in a moment`}`,
    { details: { systemId, uploadId, state } },
  );
}

/** Its state says so before the first file goes. */
function gone({ systemId, uploadId }: UploadRef): AkoshaError {
  return new AkoshaError(
    'UploadGone',
    `upload ${uploadId} of system ${systemId} cannot be ingested again: an upload’s files are kept for as many days after its receipt as upload_retention_days says, and these are gone; what it brought stands in the store`,
    { details: { systemId, uploadId } },
  );
}

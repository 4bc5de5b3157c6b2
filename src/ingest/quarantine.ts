import { AkoshaError, receiptKey, type UploadRef } from '../contract/index.js';
import { failPoint } from '../faults/index.js';
import type { UploadRecord } from '../store/index.js';
import type { IngestContext } from './context.js';
import { finish, inTurn } from './finish-upload.js';
import { requireUpload } from './ledger.js';

/**
 * What a person decides about an upload in quarantine. Its receipt goes first: an upload without one is found and finished by the next
 * walk, whatever its state, while a receipt of the state before would stand, and tell a rebuild something else than the ledger says.
 */

/**
 * Puts it back in the queue, where it is read as if for the first time; its next receipt says what came of that. One that is in the queue
 * already stays there. Raises `UploadUnknown`, `UploadGone` where its files are deleted, and
 * `UploadStateMismatch` where it is not in quarantine.
 */
export function retryUpload(context: IngestContext, ref: UploadRef): Promise<void> {
  return inTurn(ref, async () => {
    const record = await requireUpload(context.store, ref);
    if (record.state === 'pending') return;
    requireQuarantined(record, 'retried');
    await context.uploads.delete([receiptKey(record.place)]);
    failPoint('retry.after-receipt-delete');
    await context.store.requeue(ref);
    failPoint('retry.after-requeue');
  });
}

/**
 * Gives it up, and writes a receipt that says by whom and why. Deletes nothing of it: its files stand where they are. One that is
 * dropped already keeps who did it. Raises as `retryUpload`.
 */
export function dropUpload(
  context: IngestContext,
  ref: UploadRef,
  decision: { by: string; reason: string },
): Promise<UploadRecord> {
  return inTurn(ref, async () => {
    const record = await requireUpload(context.store, ref);
    if (record.state !== 'dropped') {
      requireQuarantined(record, 'dropped');
      await context.uploads.delete([receiptKey(record.place)]);
      failPoint('drop.after-receipt-delete');
      await context.store.drop(ref, decision);
      failPoint('drop.after-ledger');
    }
    await finish(context, ref);
    context.log?.warn({ ...ref, ...decision }, 'upload dropped from quarantine');
    return requireUpload(context.store, ref);
  });
}

function requireQuarantined({ systemId, uploadId, state, committedAt }: UploadRecord, what: string): void {
  if (state === 'quarantined') return;
  if (state === 'raw_gone' && committedAt === null)
    throw new AkoshaError(
      'UploadGone',
      `upload ${uploadId} of system ${systemId} cannot be ${what}: an upload’s files are kept for as many days after its receipt as upload_retention_days says, and these are gone; upload what it had under another id`,
      { details: { systemId, uploadId } },
    );
  throw new AkoshaError(
    'UploadStateMismatch',
    `upload ${uploadId} of system ${systemId} is ${state}: only one in quarantine can be ${what}`,
    { details: { systemId, uploadId, state } },
  );
}

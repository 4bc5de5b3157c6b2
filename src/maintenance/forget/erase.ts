import { AkoshaError, forgetReceiptKey, type ErasePass, type ForgetScope } from '../../contract/index.js';
import { failPoint } from '../../faults/index.js';
import { scopeIdOf, scopeToJson, type ForgetReceipt, type Tombstone } from '../../memory/index.js';
import type { Erasure, ForgetRecord } from '../../store/index.js';
import type { ForgetContext } from './context.js';
import { eraseObjects } from './objects.js';
import { requireForget, requireTombstone } from './request.js';
import { forgetUploads } from './uploads.js';

export interface EraseOptions {
  signal?: AbortSignal;
  onStep?: (step: string, seen: number) => void;
}

/**
 * Steps 3 and 4, once through: uploads, rows, and every object that can hold a row of the scope, read for it. Returns what there was
 * to erase. The scope is erased once a pass that began the longest request and search after the tombstone finds nothing: what was being
 * written when it was put has landed by then.
 */
export async function erasePass(
  context: ForgetContext,
  scope: ForgetScope,
  { signal, onStep = () => undefined }: EraseOptions = {},
): Promise<ErasePass> {
  const tombstone = await requireTombstone(context, scopeIdOf(scope));
  onStep('uploads', 0);
  const uploads = await forgetUploads(context, scope, signal);
  onStep('rows', 0);
  const erasure = await context.store.openErasure(scope, signal);
  try {
    const rows = await erasure.eraseRows();
    failPoint('forget.after-rows');
    await context.store.addForgetCounts(tombstone, { rows });
    const objects = await eraseObjects({
      context,
      tombstone,
      erasure,
      signal,
      onObject: (seen) => onStep('objects', seen),
    });
    await requireErased(erasure);
    return { rows, objects, uploads };
  } finally {
    erasure.close();
  }
}

/** Raises `VerifyFailed`, which is tried again. */
async function requireErased(erasure: Erasure): Promise<void> {
  const { placements, rows, words } = await erasure.remains();
  if (placements + rows + words === 0) return;
  throw new AkoshaError(
    'VerifyFailed',
    `of what is to be forgotten there are placements ${placements}, rows ${rows}, entries of the text index ${words}`,
  );
}

/** Step 6: the receipt, in object storage and then in the catalog. */
export async function finishForget(
  context: ForgetContext,
  scope: ForgetScope,
  signal?: AbortSignal,
): Promise<ForgetReceipt> {
  const scopeId = scopeIdOf(scope);
  const tombstone = await requireTombstone(context, scopeId);
  const record = await requireForget(context, scopeId);
  await context.store.eraseDerived(signal);
  // Again: a search that read its rows before the tombstone has ended by now.
  context.dropDerived();
  const receipt = receiptOf(tombstone, record, context.now());
  failPoint('forget.before-receipt');
  await context.archive.put(
    forgetReceiptKey(scopeId, tombstone.requestedAt),
    `${JSON.stringify(receipt, null, 2)}\n`,
    { contentType: 'application/json' },
  );
  failPoint('forget.after-receipt-put');
  await context.store.finishForget(receipt);
  failPoint('forget.after-receipt');
  return receipt;
}

function receiptOf(
  { scope, requestedAt }: Tombstone,
  { scopeId, counts }: ForgetRecord,
  now: number,
): ForgetReceipt {
  return {
    format_version: 1,
    scope_id: scopeId,
    what: scopeToJson(scope),
    requested_at: new Date(requestedAt).toISOString(),
    finished_at: new Date(now).toISOString(),
    memories: counts.memories,
    vectors: counts.vectors,
    rows: counts.rows,
    objects: { deleted: counts.objectsDeleted, rewritten: counts.objectsRewritten },
    uploads: { deleted: counts.uploads },
  };
}

import type { ForgetScope, UploadRef } from '../../contract/index.js';
import { failPoint } from '../../faults/index.js';
import { throwIfAborted } from '../../objects/index.js';
import { scopeIdOf, type Tombstone } from '../../memory/index.js';
import type { ForgetContext } from './context.js';
import { requireForget, requireTombstone } from './request.js';

/** Uploads per look at the ledger. */
const PART = 500;

/**
 * Step 3: what waits is ingested without the rows of the scope, to its receipt; then the raw files go of every upload that was through when
 * the tombstone stood, because none can be rid of single rows. What else they brought lives on in the journal. Uploads in quarantine
 * were read by nobody: of a system that is forgotten they are given up; where less is, they wait on, and are refused its rows
 * when they are read.
 */
export async function forgetUploads(
  context: ForgetContext,
  scope: ForgetScope,
  signal?: AbortSignal,
): Promise<number> {
  const scopeId = scopeIdOf(scope);
  const tombstone = await requireTombstone(context, scopeId);
  const record = await requireForget(context, scopeId);
  const { systemId } = scope;
  await context.intake.discover(systemId, signal);
  await context.intake.ingestPending(systemId, context.now(), signal);
  failPoint('forget.after-pending');
  // Of each look the same: hosts go on uploading, and a look that took what came since the last would never be the last.
  const before = record.begunAt;
  let deleted = 0;
  for (let after: UploadRef = { systemId: '', uploadId: '' }; ;) {
    const givenUp = scope.scope === 'system';
    const part = await context.store.uploadsToForget({ systemId, before, givenUp, after, limit: PART });
    for (const ref of part) {
      throwIfAborted(signal, 'deletion of raw uploads');
      await context.intake.deleteRaw(ref);
      await context.store.addForgetCounts(tombstone, { uploads: 1 });
      deleted++;
    }
    const last = part.at(-1);
    if (last === undefined) break;
    after = last;
  }
  return deleted + (await forgetUnfinished(context, { ...tombstone, begunAt: before }, signal));
}

/**
 * Of a system, what its host had begun to put when it was told to stop: a put that was under way then has landed when the longest request is
 * over, and later ones it does not begin.
 */
async function forgetUnfinished(
  { intake, store, longestMs }: ForgetContext,
  { begunAt, ...tombstone }: Tombstone & { begunAt: number },
  signal: AbortSignal | undefined,
): Promise<number> {
  const { scope } = tombstone;
  if (scope.scope !== 'system') return 0;
  const uploads = await intake.deleteUnfinished(scope.systemId, begunAt + longestMs, signal);
  if (uploads > 0) await store.addForgetCounts(tombstone, { uploads });
  return uploads;
}

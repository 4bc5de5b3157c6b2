import {
  AkoshaError,
  forgetReceiptKey,
  forgottenSystemKey,
  isAkoshaError,
  TOMBSTONES_PREFIX,
  tombstoneKey,
  type ForgetScope,
} from '../../contract/index.js';
import { failPoint } from '../../faults/index.js';
import {
  ForgetReceiptSchema,
  parseTombstone,
  scopeIdOf,
  tombstoneText,
  type ForgetReceipt,
  type Tombstone,
} from '../../memory/index.js';
import type { ObjectStore } from '../../objects/index.js';
import type { ForgetRecord, MemoryStore } from '../../store/index.js';
import type { MaintenanceContext } from '../context.js';
import type { ForgetContext } from './context.js';

const JSON_TYPE = 'application/json';

/**
 * Steps 1 and 2: once this returns, nothing of the scope is found, and nothing of it is taken in any more, whatever becomes of the server.
 * Asked for again it goes on with the same tombstone.
 */
export async function requestForget(context: ForgetContext, scope: ForgetScope): Promise<Tombstone> {
  const tombstone = await putTombstone(context, { scope, requestedAt: context.now() });
  if (scope.scope === 'system') {
    await context.uploads.put(forgottenSystemKey(scope.systemId), tombstoneText(tombstone), {
      contentType: JSON_TYPE,
    });
  }
  failPoint('forget.after-tombstone-object');
  await context.store.beginForget(tombstone);
  context.dropDerived();
  failPoint('forget.after-tombstone');
  return tombstone;
}

/** The one that stands counts: its time is part of its receipt's name. */
async function putTombstone({ archive }: MaintenanceContext, tombstone: Tombstone): Promise<Tombstone> {
  const key = tombstoneKey(scopeIdOf(tombstone.scope));
  try {
    await archive.put(key, tombstoneText(tombstone), { createOnly: true, contentType: JSON_TYPE });
    return tombstone;
  } catch (error) {
    if (!isAkoshaError(error, 'ObjectExists')) throw error;
    return parseTombstone(await archive.get(key));
  }
}

/** Raises `ForgetUnknown` where the scope is not forgotten, or was lifted. */
export async function requireTombstone(
  { store }: MaintenanceContext,
  scopeId: string,
): Promise<Tombstone & { state: 'standing' | 'erased' }> {
  const found = (await store.tombstones()).find((one) => one.scopeId === scopeId);
  if (found !== undefined) return found;
  throw new AkoshaError('ForgetUnknown', `${scopeId} is not forgotten: \`akosha forget list\` tells what is`);
}

/** Raises `ForgetUnknown` where there is no record of it. */
export async function requireForget({ store }: MaintenanceContext, scopeId: string): Promise<ForgetRecord> {
  const record = await store.getForget(scopeId);
  if (record === undefined) throw new AkoshaError('ForgetUnknown', `${scopeId} is on no record`);
  return record;
}

/**
 * Lets memories of the scope in again: those that hosts upload from now on. Raises `ForgetUnknown`, and `ForgetUnfinished` while they are
 * being erased.
 */
export async function liftForget(context: ForgetContext, scope: ForgetScope): Promise<void> {
  const scopeId = scopeIdOf(scope);
  const { state } = await requireTombstone(context, scopeId);
  if (state === 'standing') {
    const what = `${scopeId} is still being erased: lift it once \`akosha forget show\` has its receipt`;
    throw new AkoshaError('ForgetUnfinished', what, { details: { scopeId } });
  }
  // Nothing but the tombstone can say that what keeps its host from sending is to go, so that goes first.
  if (scope.scope === 'system') await context.uploads.delete([forgottenSystemKey(scope.systemId)]);
  // Then the authority: a store rebuilt in between has none, and one that is not has its row, and can be asked again.
  await context.archive.delete([tombstoneKey(scopeId)]);
  failPoint('lift.after-object');
  await context.store.liftForget(scopeId);
  failPoint('lift.after-row');
}

/** What stands under `tombstones/`. */
async function* standingObjects(archive: ObjectStore): AsyncGenerator<Tombstone> {
  for await (const { objects } of archive.list(TOMBSTONES_PREFIX)) {
    for (const { key } of objects) yield parseTombstone(await archive.get(key));
  }
}

/**
 * Goes on with what a server that died had begun: a tombstone in object storage that the catalog does not know, and all that have no receipt
 * yet. Returns the scopes that are to be erased.
 */
export async function resumeForgets(context: ForgetContext): Promise<ForgetScope[]> {
  const known = new Set((await context.store.tombstones()).map(({ scopeId }) => scopeId));
  for await (const { scope } of standingObjects(context.archive)) {
    if (!known.has(scopeIdOf(scope))) await requestForget(context, scope);
  }
  return standingForgets(context);
}

/** What is still to be erased, as far as the catalog knows. */
export async function standingForgets({ store }: MaintenanceContext): Promise<ForgetScope[]> {
  const tombstones = await store.tombstones();
  return tombstones.filter(({ state }) => state === 'standing').map(({ scope }) => scope);
}

/**
 * For a rebuild, before anything is placed: the store's tombstones become those of object storage, and no others. Those without a receipt
 * are to be gone on with (`resumeForgets`).
 */
export async function loadTombstones({
  archive,
  store,
}: {
  archive: ObjectStore;
  store: Pick<MemoryStore, 'loadTombstones'>;
}): Promise<void> {
  const standing: (Tombstone & { receipt: ForgetReceipt | null })[] = [];
  for await (const tombstone of standingObjects(archive))
    standing.push({ ...tombstone, receipt: await receiptOf(archive, tombstone) });
  await store.loadTombstones(standing);
}

async function receiptOf(
  archive: ObjectStore,
  { scope, requestedAt }: Tombstone,
): Promise<ForgetReceipt | null> {
  try {
    const bytes = await archive.get(forgetReceiptKey(scopeIdOf(scope), requestedAt));
    return ForgetReceiptSchema.parse(JSON.parse(bytes.toString('utf8')));
  } catch (error) {
    if (isAkoshaError(error, 'ObjectNotFound')) return null;
    throw error;
  }
}

import { EXPIRIES_PREFIX, expiryKey, RETENTION_CLOCK } from '../contract/index.js';
import { failPoint } from '../faults/index.js';
import { expiryText, parseExpiry, type Expiry, type ExpiryReceipt } from '../memory/index.js';
import type { ObjectStore } from '../objects/index.js';
import type { ExpiryLedger } from '../store/index.js';
import type { MaintenanceContext } from './context.js';
import type { BatchOptions } from './transition.js';

const DAY_MS = 86_400_000;
const JSON_TYPE = 'application/json';

/** Memories of one transaction: their words leave the text index with them, which takes some hundred milliseconds. */
const BATCH = 1_000;

/**
 * How far the time of a look may be behind the one before. There is one a day; a server that was away for a year has caught up after twelve, and a
 * clock that is wrong by years, where nothing contradicts it, costs a month before somebody reads the warning.
 */
const LONGEST_STEP_MS = 31 * DAY_MS;

/** Behind the machine's clock by so much, what is taken for now is worth a warning. */
const DOUBTFUL_MS = 2 * DAY_MS;

/**
 * Lets go the memories that are older as of then than they are kept (`cold_retention_days`), and counts them. What is decided stands in
 * object storage first, so that no rebuild brings it back; then in the catalog, from where on no ingest does. Returns how many rows it was.
 */
export async function expireMemories(
  context: MaintenanceContext,
  asOf: number,
  options: BatchOptions = {},
): Promise<number> {
  const { store } = context;
  let expired = 0;
  await adoptDecided(context);
  for (const expiry of await store.openExpiries()) expired += await carryOut(context, expiry, options);
  if ((await store.expiring(asOf)) === undefined) return expired;
  const now = await trustedNow(context);
  const time = Math.min(asOf, now);
  const due = await store.expiring(time);
  if (due === undefined) return expired;
  if (due.memories > 0) {
    // A rebuild that does not know of a pin would let go what it keeps.
    if (!(await store.arePinsSaved())) {
      context.log?.warn({ memories: due.memories }, 'memories do not expire while a pin is in no backup');
      return expired;
    }
    const expiry = await decide(context, time, options);
    if (expiry !== undefined) expired += await carryOut(context, expiry, options);
  }
  return expired;
}

async function decide(
  { store, archive }: MaintenanceContext,
  time: number,
  { transitionId = 'maintenance' }: BatchOptions,
): Promise<Expiry | undefined> {
  const expiry = await store.decideExpiry(time, transitionId);
  if (expiry === undefined) return undefined;
  const receipt = { ...expiry, endedAt: null, memories: {} };
  await putReceipt(archive, receipt);
  failPoint('expire.after-object');
  await begin(store, receipt);
  return expiry;
}

async function begin(store: ExpiryLedger, receipt: ExpiryReceipt): Promise<void> {
  await store.beginExpiry(receipt);
  failPoint('expire.after-begin');
}

/** What a server that died had decided and not begun, and what an older program did not know: a rebuild goes by it, and so does this store. */
async function adoptDecided({ store, archive }: MaintenanceContext): Promise<void> {
  const known = new Set((await store.expiryIds()).map(expiryKey));
  for await (const { objects } of archive.list(EXPIRIES_PREFIX))
    for (const { key } of objects)
      if (!known.has(key)) await begin(store, parseExpiry(await archive.get(key)));
}

/** All of it, batch by batch, until somebody pauses moving; the next look goes on with it. */
async function carryOut(
  context: MaintenanceContext,
  expiry: Expiry,
  { signal, transitionId }: BatchOptions,
): Promise<number> {
  const { store, archive, pace, log } = context;
  let expired = 0;
  for (;;) {
    await pace?.wait(signal);
    signal?.throwIfAborted();
    if ((await store.tierPause()) !== undefined) return expired;
    const begunAt = performance.now();
    const rows = await store.expireBatch(expiry.id, pace?.batchRows(BATCH) ?? BATCH, transitionId);
    if (rows === 0) break;
    failPoint('expire.after-batch');
    pace?.moved(rows, begunAt);
    expired += rows;
  }
  const counts = await store.expiredMemories(expiry.id);
  const endedAt = context.now();
  await putReceipt(archive, { ...expiry, endedAt, memories: counts });
  failPoint('expire.after-receipt');
  await store.endExpiry(expiry.id, endedAt);
  failPoint('expire.after-end');
  const memories = Object.values(counts).reduce((sum, n) => sum + n, 0);
  context.onExpired?.(memories);
  log?.info({ expiryId: expiry.id, cutoff: new Date(expiry.cutoff), memories }, 'memories expired');
  return expired;
}

async function putReceipt(archive: ObjectStore, receipt: ExpiryReceipt): Promise<void> {
  await archive.put(expiryKey(receipt.id), expiryText(receipt), { contentType: JSON_TYPE });
}

/**
 * What may be taken for now: never more than the machine's clock, and than what some other clock bears out, the object store's or that of the host
 * whose upload is the newest. A clock that is wrong by years deletes nothing before its time.
 */
async function trustedNow(context: MaintenanceContext): Promise<number> {
  const { store, archive, now, log } = context;
  const { newestUpload, lastLook } = await store.knownTimes();
  const others = [newestUpload ?? 0, context.archiveHasClock === true ? await timeOf(archive) : 0];
  const [clock, witness] = [now(), Math.max(...others)];
  const steady = lastLook === null ? clock : Math.min(clock, lastLook + LONGEST_STEP_MS);
  // One that is far behind the others was not set yet: what it says must not hold up the next looks.
  if (witness > 0 && clock >= witness - LONGEST_STEP_MS) await store.noteLook(steady);
  const trusted = Math.min(steady, witness);
  if (clock - trusted > DOUBTFUL_MS) {
    log?.warn(
      { clock: new Date(clock), takenForNow: new Date(trusted) },
      'no other clock bears out what this one says: memories expire as of the time that they do, and by a month a day at the most',
    );
  }
  return trusted;
}

/** By the clock of whoever keeps the objects. */
async function timeOf(archive: ObjectStore): Promise<number> {
  await archive.put(RETENTION_CLOCK, '');
  return (await archive.head(RETENTION_CLOCK))?.modifiedAt.getTime() ?? 0;
}

/** For a rebuild, before anything is placed: what expired is what stands in object storage. */
export async function loadExpiries({
  archive,
  store,
}: {
  archive: ObjectStore;
  store: Pick<ExpiryLedger, 'loadExpiries'>;
}): Promise<void> {
  const receipts: ExpiryReceipt[] = [];
  for await (const { objects } of archive.list(EXPIRIES_PREFIX))
    for (const { key } of objects) receipts.push(parseExpiry(await archive.get(key)));
  await store.loadExpiries(receipts);
}

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
 * How far the time of a look may be behind the daily one before. A server that was away for a year has caught up after twelve days, and clocks that
 * are all wrong by years cost a month before somebody reads the warning.
 */
const LONGEST_STEP_MS = 31 * DAY_MS;

/** Behind the machine's clock by so much, what is taken for now is worth a warning. */
const DOUBTFUL_MS = 2 * DAY_MS;

/**
 * Lets go the memories that are older as of then than they are kept (`cold_retention_days`), and counts them. What is decided stands in
 * object storage first, so that no rebuild brings it back; then in the catalog, from where on no ingest does. Returns what was taken for now, which
 * counts with the daily turn; undefined where no look was taken.
 */
export async function expireMemories(
  context: MaintenanceContext,
  asOf: number,
  options: BatchOptions = {},
): Promise<number | undefined> {
  const { store } = context;
  await adoptDecided(context);
  for (const expiry of await store.openExpiries())
    if (!(await carryOut(context, expiry, options))) return undefined;
  if ((await store.expiring(asOf)) === undefined) return undefined;
  const now = await trustedNow(context);
  if (now === undefined) return undefined;
  const time = Math.min(asOf, now);
  const due = await store.expiring(time);
  if (due === undefined || due.memories === 0) return now;
  // A rebuild that does not know of a pin would let go what it keeps.
  if (!(await store.arePinsSaved())) {
    context.log?.warn({ memories: due.memories }, 'memories do not expire while a pin is in no backup');
    return now;
  }
  const expiry = await decide(context, time, options);
  if (expiry !== undefined) await carryOut(context, expiry, options);
  return now;
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

/**
 * What a server that died had decided and not begun, and what an older program did not know: a rebuild goes by it, and so does this store. Also when
 * a server starts, before a scrub would miss what expired.
 */
export async function adoptDecided({
  store,
  archive,
}: Pick<MaintenanceContext, 'store' | 'archive'>): Promise<void> {
  const known = new Set((await store.expiryIds()).map(expiryKey));
  for await (const { objects } of archive.list(EXPIRIES_PREFIX))
    for (const { key } of objects)
      if (!known.has(key)) await begin(store, parseExpiry(await archive.get(key)));
}

/**
 * All of it, batch by batch, as far as what is kept by now allows. False where somebody paused moving, or a pin is in no backup: the next look goes on
 * with it.
 */
async function carryOut(
  context: MaintenanceContext,
  expiry: Expiry,
  { signal, transitionId }: BatchOptions,
): Promise<boolean> {
  const { store, pace } = context;
  for (;;) {
    await pace?.wait(signal);
    signal?.throwIfAborted();
    const begunAt = performance.now();
    const { rows, state } = await store.expireBatch(expiry.id, pace?.batchRows(BATCH) ?? BATCH, transitionId);
    if (state === 'held') return false;
    if (state !== 'open') {
      await end(context, expiry, state === 'called_off');
      return true;
    }
    failPoint('expire.after-batch');
    pace?.moved(rows, begunAt);
  }
}

async function end(context: MaintenanceContext, expiry: Expiry, isCalledOff: boolean): Promise<void> {
  const { store, archive, log } = context;
  const counts = await store.expiredMemories(expiry.id);
  const endedAt = context.now();
  const told = isCalledOff ? { calledOff: true as const } : {};
  await putReceipt(archive, { ...expiry, ...told, endedAt, memories: counts });
  failPoint('expire.after-receipt');
  await store.endExpiry(expiry.id, endedAt);
  failPoint('expire.after-end');
  const memories = Object.values(counts).reduce((sum, n) => sum + n, 0);
  context.onExpired?.(memories);
  log?.info(
    { expiryId: expiry.id, cutoff: new Date(expiry.cutoff), memories, ...told },
    isCalledOff ? 'memories are kept for longer: the rest does not expire' : 'memories expired',
  );
}

async function putReceipt(archive: ObjectStore, receipt: ExpiryReceipt): Promise<void> {
  await archive.put(expiryKey(receipt.id), expiryText(receipt), { contentType: JSON_TYPE });
}

/**
 * What may be taken for now, of what nobody can bring back: the earliest of the machine's clock, of one other clock that bears it out, and of the last
 * daily look with the longest step. Undefined where there is no other clock.
 */
async function trustedNow(context: MaintenanceContext): Promise<number | undefined> {
  const { store, now, log } = context;
  const [clock, { newestUpload, lastLook }] = [now(), await store.knownTimes()];
  // Where the object store has a clock of its own, it alone counts: hosts may be away for weeks, and their clocks are of any kind.
  const witness = context.archiveHasClock === true ? await timeOf(context.archive) : newestUpload;
  const trusted =
    witness === null || lastLook === null ? undefined : Math.min(clock, witness, lastLook + LONGEST_STEP_MS);
  if (trusted === undefined || clock - trusted > DOUBTFUL_MS) {
    log?.warn(
      { clock: new Date(clock), takenForNow: trusted === undefined ? null : new Date(trusted) },
      'no other clock bears out what this one says: memories expire as of the time that one does, and by a month a day at the most',
    );
  }
  return trusted;
}

/** By the clock of whoever keeps the objects. */
async function timeOf(archive: ObjectStore): Promise<number | null> {
  await archive.put(RETENTION_CLOCK, '');
  return (await archive.head(RETENTION_CLOCK))?.modifiedAt.getTime() ?? null;
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

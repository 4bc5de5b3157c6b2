import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { failPoint, type FailPoint } from '../../faults/index.js';
import { throwIfAborted } from '../../objects/index.js';
import type { RebuildCounts, RebuildStep } from '../../store/index.js';
import { loadExpiries } from '../expire.js';
import { loadTombstones } from '../forget/index.js';
import { fetchBackup } from '../backup/find-backup.js';
import { inScratch } from '../../runtime/index.js';
import type { RebuildContext } from './context.js';
import { noteUploads, restoreLedger } from './ledger.js';
import { listObjects, takeObjects } from './objects.js';

export interface Rebuilt extends RebuildCounts {
  /** Rows read in this run. */
  rows: number;
  /** Of this run, without the wait, in milliseconds. */
  ms: number;
  waitedMs: number;
}

/**
 * Makes the store anew from what stands in object storage: see docs/reference/protocol.md. Each step that is done stays done, so a rebuild that
 * died goes on where it was. Raises `ObjectCorrupt` where an object is damaged, and `Cancelled`.
 */
export async function rebuildStore(context: RebuildContext): Promise<Rebuilt> {
  const { rebuild, onProgress } = context;
  const waitedMs = await waitForTheDead(context);
  const begunAt = context.now();
  const once = async (step: RebuildStep, work: () => Promise<void>, reached: FailPoint): Promise<void> => {
    throwIfAborted(context.signal, 'rebuild');
    if (await rebuild.isDone(step)) return;
    onProgress({ step, done: 0, total: null });
    await work();
    await rebuild.markDone(step);
    failPoint(reached);
  };
  await rebuild.startEpoch();
  await once(
    'tombstones',
    async () => {
      await loadTombstones({ archive: context.archive, store: rebuild });
      await loadExpiries({ archive: context.archive, store: rebuild });
    },
    'rebuild.after-tombstones',
  );
  await once('backup', () => restoreBackup(context), 'rebuild.after-backup');
  await once('uploads', () => noteUploads(context), 'rebuild.after-uploads');
  await once('ledger', () => restoreLedger(context), 'rebuild.after-ledger');
  await once('objects', () => listObjects(context), 'rebuild.after-queue');
  const rows = await takeObjects(context);
  onProgress({ step: 'finishing', done: 0, total: null });
  failPoint('rebuild.before-finish');
  const counts = await rebuild.finish();
  failPoint('rebuild.after-finish');
  return { ...counts, rows, ms: context.now() - begunAt, waitedMs };
}

/** From the newest that is whole; without any, receipts tell of all uploads whose raw files stand. */
async function restoreBackup(context: RebuildContext): Promise<void> {
  await inScratch(context.scratch, 'backup-', async (scratch) => {
    const file = path.join(scratch, 'backup.jsonl.gz');
    const found = await fetchBackup(context, file, (key) => context.onDamaged(key));
    if (found === undefined) return;
    const done = await context.rebuild.restoreBackup(file, found.takenAt);
    context.onProgress({ step: 'backup', done, total: done });
  });
}

/** So often the wait is told. */
const TELL_MS = 1_000;

/**
 * A request that the old server sent before it died may take effect for so long: a put would be missed, and a delete would take away what has
 * just been placed.
 */
async function waitForTheDead({
  rebuild,
  oldServerDeadSince,
  longestMs,
  now,
  onProgress,
  signal,
}: RebuildContext): Promise<number> {
  const from = now();
  const until = (oldServerDeadSince ?? rebuild.begunAt) + longestMs;
  while (now() < until) {
    throwIfAborted(signal, 'rebuild');
    const left = until - now();
    onProgress({ step: 'waiting', done: Math.ceil((longestMs - left) / 1000), total: longestMs / 1000 });
    await sleep(Math.min(left, TELL_MS));
  }
  return now() - from;
}

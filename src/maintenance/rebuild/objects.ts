import { mkdtemp, rm } from 'node:fs/promises';
import path from 'node:path';
import { AkoshaError, COLD_PREFIX, hashInName, isAkoshaError, JOURNAL_PREFIX } from '../../contract/index.js';
import { inScratch } from '../../runtime/index.js';
import type { FetchedObject, QueuedObject } from '../../store/index.js';
import { eachOf, signalOption, type RebuildContext } from './context.js';

/** Notes every journal and cold object that stands, and puts them in order. */
export async function listObjects(context: RebuildContext): Promise<void> {
  for (const prefix of [JOURNAL_PREFIX, COLD_PREFIX]) {
    const pages = context.archive.list(prefix, { purpose: 'open', ...signalOption(context) });
    for await (const { objects } of pages)
      await context.rebuild.noteObjects(objects.map(({ key, size }) => ({ name: key, bytes: size })));
  }
  await context.rebuild.queueObjects();
}

/**
 * What is read together: bounds what a crash undoes, and memory. A common journal has some kilobytes, so it is their number that bounds; rows
 * with their vectors decompress to some four times their bytes.
 */
const BATCH = { objects: 256, bytes: 32 * 2 ** 20 };

/** Reads them all, one batch while the next is on its way. Returns the rows read. */
export async function takeObjects(context: RebuildContext): Promise<number> {
  return inScratch(context.scratch, 'rebuild-', async (scratch) => {
    let rows = 0;
    let fetching = beginFetch(context, scratch, 0);
    try {
      for (;;) {
        const { batch, fetched, folder } = await fetching;
        const last = batch.at(-1);
        if (last === undefined) return rows;
        fetching = beginFetch(context, scratch, last.seq);
        if (fetched.length > 0) rows += await context.rebuild.takeObjects(fetched, context.signal);
        await folder.remove();
        const { taken, objects } = await context.rebuild.progress();
        context.onProgress({ step: 'objects', done: taken, total: objects });
      }
    } finally {
      // It writes into the folder that is about to go.
      await fetching.catch(() => undefined);
    }
  });
}

interface Fetched {
  batch: QueuedObject[];
  /** Without those that are damaged. */
  fetched: FetchedObject[];
  folder: { remove: () => Promise<void> };
}

/** What it fails with is told where it is awaited; until then, while rows are taken, nobody looks, and the process would end over it. */
function beginFetch(...request: Parameters<typeof fetchNext>): Promise<Fetched> {
  const fetching = fetchNext(...request);
  fetching.catch(() => undefined);
  return fetching;
}

async function fetchNext(context: RebuildContext, scratch: string, after: number): Promise<Fetched> {
  const batch = together(await context.rebuild.queuedObjects(after, BATCH.objects));
  // A folder for each: DuckDB keeps what it read of a file by its path.
  const folder = await mkdtemp(path.join(scratch, 'batch-'));
  const found = await eachOf(batch, (object) => fetchObject(context, object, folder));
  const fetched = found.filter((object) => object !== undefined);
  return { batch, fetched, folder: { remove: () => rm(folder, { recursive: true, force: true }) } };
}

/** As many as fit, of one kind; at least one. */
function together(queued: readonly QueuedObject[]): QueuedObject[] {
  let bytes = 0;
  const end = queued.findIndex((object, i) => {
    bytes += object.bytes;
    return i > 0 && (bytes > BATCH.bytes || object.kind !== queued[0]?.kind);
  });
  return end === -1 ? [...queued] : queued.slice(0, end);
}

async function fetchObject(
  context: RebuildContext,
  object: QueuedObject,
  folder: string,
): Promise<FetchedObject | undefined> {
  const file = path.join(folder, `${object.seq}.parquet`);
  try {
    await context.archive.getFile(object.name, file, signalOption(context));
    const { bytes, sha256 } = await context.hashFile(file);
    if (sha256.startsWith(hashInName(object.name) ?? '-')) return { ...object, bytes, sha256, file };
  } catch (error) {
    // Listed, and gone since: of a store that is in nobody's hands that is damage too.
    if (!isAkoshaError(error, 'ObjectNotFound')) throw error;
  }
  if (!context.skipDamaged)
    throw new AkoshaError(
      'ObjectCorrupt',
      `${object.name} is not what was written: put it back as it was, or leave its rows out with --skip-damaged`,
      { details: { object: object.name } },
    );
  await context.rebuild.markDamaged(object);
  return undefined;
}

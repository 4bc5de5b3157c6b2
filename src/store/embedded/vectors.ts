import { isAkoshaError, messageOf } from '../../contract/index.js';
import { EMBEDDING_MODEL } from '../../memory/index.js';
import type { VectorStore, WaitingCursor, WaitingFault, WaitingTexts } from '../store.js';
import type { Placed } from './catalog/lookup.js';
import type { EngineContext } from './context.js';
import { readCurrent } from './current-rows.js';
import { qualified, tableFor } from './tiers/tables.js';
import { textsFromObjects, textsFromTables, type TextRow } from './tiers/texts.js';
import type { VectorIndexes } from './vector-index/vector-indexes.js';

export function vectorStore(context: EngineContext, indexes: VectorIndexes): VectorStore {
  const { read, write } = context.catalog;
  return {
    modelNames: () => read.modelNames(),
    vectorModels: () => read.vectorModels(),
    waitingTexts: (...part) => waitingTexts(context, ...part),
    keepVectors: (model, vectors) => write.keepVectors(model, vectors, context.now()),
    giveUpVectors: (model, rowIds) => write.stopWaiting(model, rowIds),
    beginModelMove: (name) => write.beginModelMove(name, context.now()),
    finishModelMove: (lost) => write.finishModelMove(context.now(), lost),
    vectorIndexes: () => indexes.statuses(),
    deleteOldVectors: (limit) => write.deleteOldVectors(limit),
  };
}

async function waitingTexts(
  context: EngineContext,
  model: string,
  after: WaitingCursor,
  limit: number,
  signal?: AbortSignal,
): Promise<WaitingTexts> {
  const { placed, next } = await context.catalog.background.waitingPlacements({ model, after, limit });
  // Apart, so that an archive that is away holds up what is here.
  const parts = await Promise.all([
    readTexts(
      context,
      placed.filter(({ tier }) => tier !== 'cold'),
      signal,
    ),
    readTexts(
      context,
      placed.filter(({ tier }) => tier === 'cold'),
      signal,
    ),
  ]);
  const rows = parts.flatMap((part) => part.rows);
  const isDone = ({ hasVector }: TextRow): boolean => hasVector && model === EMBEDDING_MODEL;
  const done = rows.filter(isDone).map(({ rowId }) => rowId);
  if (done.length > 0) await context.catalog.write.stopWaiting(model, done);
  return {
    texts: rows.filter((row) => !isDone(row)).map(({ rowId, content }) => ({ rowId, content })),
    faults: parts.flatMap((part) => part.faults),
    next,
  };
}

interface Part {
  rows: TextRow[];
  faults: WaitingFault[];
}

/** Where a read of several objects or tables fails, each is read alone: what cannot be read holds up what it keeps, and no more. */
async function readTexts(
  context: EngineContext,
  placed: readonly Placed[],
  signal: AbortSignal | undefined,
): Promise<Part> {
  if (placed.length === 0) return { rows: [], faults: [] };
  try {
    return await readTogether(context, placed, signal);
  } catch (error) {
    if (signal?.aborted === true) throw error;
    const places = byPlace(placed);
    if (places.length === 1) return { rows: [], faults: [faultOf(error, placed)] };
    const parts = await Promise.all(places.map((part) => readTexts(context, part, signal)));
    return { rows: parts.flatMap((part) => part.rows), faults: parts.flatMap((part) => part.faults) };
  }
}

async function readTogether(
  context: EngineContext,
  placed: readonly Placed[],
  signal: AbortSignal | undefined,
): Promise<Part> {
  const { found, missing } = await readCurrent(
    context,
    (again) => (again === undefined ? Promise.resolve([...placed]) : context.catalog.read.placements(again)),
    {
      tables: (parts) => textsFromTables(context.tiers, parts),
      objects: (files, rowIds) => textsFromObjects(context.tiers, files, rowIds),
    },
    signal,
  );
  const [lost] = missing;
  if (lost === undefined) return { rows: found.map(({ row }) => row), faults: [] };
  const memories = missing.length;
  const reason = `${memories} memories are not where the catalog has them, such as one in ${lost.tier}`;
  return { rows: found.map(({ row }) => row), faults: [{ reason, memories, lost: true }] };
}

/** An object store that is away, or a disk, may come back; an object that is gone or is another does not of itself. */
function faultOf(error: unknown, placed: readonly Placed[]): WaitingFault {
  const lost = isAkoshaError(error, 'ObjectNotFound') || isAkoshaError(error, 'ObjectCorrupt');
  return { reason: messageOf(error), memories: placed.length, lost };
}

function byPlace(placed: readonly Placed[]): Placed[][] {
  const places = new Map<string, Placed[]>();
  for (const place of placed) {
    const { tier, object, ownTime } = place;
    const name = tier === 'cold' ? (object?.name ?? '') : qualified(tableFor(tier, ownTime));
    places.set(name, [...(places.get(name) ?? []), place]);
  }
  return [...places.values()];
}

import { messageOf } from '../../contract/index.js';
import { EMBEDDING_MODEL } from '../../memory/index.js';
import type { VectorStore, WaitingTexts } from '../store.js';
import type { Placed } from './catalog/lookup.js';
import type { EngineContext } from './context.js';
import { readCurrent } from './current-rows.js';
import { textsFromObjects, textsFromTable, type TextRow } from './tiers/texts.js';

export function vectorStore(context: EngineContext): VectorStore {
  const { read, write } = context.catalog;
  return {
    modelNames: () => read.modelNames(),
    vectorModels: () => read.vectorModels(),
    waitingTexts: (...part) => waitingTexts(context, ...part),
    keepVectors: (model, vectors) => write.keepVectors(model, vectors),
    giveUpVectors: (model, rowIds) => write.stopWaiting(model, rowIds),
    beginModelMove: (name) => write.beginModelMove(name, context.now()),
    finishModelMove: () => write.finishModelMove(context.now()),
    deleteOldVectors: (limit) => write.deleteOldVectors(limit),
  };
}

async function waitingTexts(
  context: EngineContext,
  model: string,
  after: number,
  limit: number,
): Promise<WaitingTexts> {
  const { placed, next } = await context.catalog.read.waitingPlacements({ model, after, limit });
  // Apart, so that an archive that is away holds up what is here.
  const parts = await Promise.all([
    readTexts(
      context,
      placed.filter(({ tier }) => tier !== 'cold'),
    ),
    readTexts(
      context,
      placed.filter(({ tier }) => tier === 'cold'),
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

async function readTexts(
  context: EngineContext,
  placed: readonly Placed[],
): Promise<{ rows: TextRow[]; faults: string[] }> {
  if (placed.length === 0) return { rows: [], faults: [] };
  try {
    const { found, missing } = await readCurrent(
      context,
      (again) =>
        again === undefined ? Promise.resolve([...placed]) : context.catalog.read.placements(again),
      {
        table: (table, rowIds) => textsFromTable(context.tiers, table, rowIds),
        objects: (files, rowIds) => textsFromObjects(context.tiers, files, rowIds),
      },
    );
    const [lost] = missing;
    const fault =
      lost === undefined
        ? []
        : [`${missing.length} memories are not where the catalog has them, such as one in ${lost.tier}`];
    return { rows: found.map(({ row }) => row), faults: fault };
  } catch (error) {
    return { rows: [], faults: [messageOf(error)] };
  }
}

import path from 'node:path';
import {
  isAkoshaError,
  messageOf,
  rewrittenKey,
  type ColdPartition,
  type CompactionSummary,
} from '../contract/index.js';
import { failPoint } from '../faults/index.js';
import { inScratch } from '../runtime/index.js';
import type { CompactionGroup, CompactionOperation, WrittenObject } from '../store/index.js';
import type { MaintenanceContext } from './context.js';
import { expireMemories } from './expire.js';
import type { BatchOptions } from './transition.js';

/**
 * Systems and months of which cold objects are to be merged: once a day, and whenever `all` is asked for; none while moving is paused. Before that
 * what is older than memories are kept goes, so that the objects that it stood in are written anew without it.
 */
export async function planCompaction(
  context: MaintenanceContext,
  { all, asOf, ...options }: BatchOptions & { all: boolean; asOf: number },
): Promise<ColdPartition[]> {
  const { store } = context;
  if ((await store.tierPause()) !== undefined) return [];
  if (!all && !(await store.isCompactionTurn())) return [];
  const lookedAt = await expireMemories(context, asOf, options);
  if (all) return store.compactionsDue(true);
  const due = await store.compactionsDue(false);
  // A plan that failed has not cost the day its turn.
  return (await store.takeCompactionTurn(lookedAt)) ? due : [];
}

/**
 * Merges the small cold objects of a system and month, and writes anew those that hold rows which no placement names: put, read back,
 * commit. Deletes nothing. A group that cannot be read is told of and left: the next compaction tries it again.
 */
export async function compactCold(
  context: MaintenanceContext,
  partition: ColdPartition,
  { all, ...options }: BatchOptions & { all: boolean },
): Promise<CompactionSummary> {
  const summary: CompactionSummary = { rows: 0, sources: 0, objects: 0, failed: 0 };
  for (const group of await context.store.compactionGroups(partition, all)) {
    await context.pace?.wait(options.signal);
    if ((await context.store.tierPause()) !== undefined) return { ...summary, paused: true };
    const begunAt = performance.now();
    const rows = await tryGroup(context, group, options);
    if (rows === undefined) {
      summary.failed += 1;
      continue;
    }
    context.pace?.moved(rows, begunAt);
    if (rows === 0) continue;
    summary.rows += rows;
    summary.sources += group.sources.length;
    summary.objects += 1;
  }
  return summary;
}

/** Undefined where a source is damaged. */
async function tryGroup(
  context: MaintenanceContext,
  group: CompactionGroup,
  options: BatchOptions,
): Promise<number | undefined> {
  try {
    return await compactGroup(context, group, options);
  } catch (error) {
    const damaged = (['ObjectNotFound', 'ObjectCorrupt', 'VerifyFailed'] as const).some((type) =>
      isAkoshaError(error, type),
    );
    if (!damaged) throw error;
    const { systemId, month, sources } = group;
    context.log?.warn(
      { systemId, month, sources: sources.map(({ name }) => name), reason: messageOf(error) },
      'cold objects that cannot be merged stay as they are',
    );
    return undefined;
  }
}

function compactGroup(
  context: MaintenanceContext,
  group: CompactionGroup,
  { signal, transitionId }: BatchOptions,
): Promise<number> {
  return inScratch(context.scratch, 'compact-', async (scratch) => {
    const operation = await context.store.openCompaction(group, signal);
    if (operation === undefined) return 0;
    try {
      failPoint('compact.after-open');
      const object = await writeObject(operation, group, scratch);
      failPoint('compact.before-commit');
      await operation.commit(object, transitionId);
      failPoint('compact.after-commit');
      return operation.rows;
    } finally {
      await operation.close();
    }
  });
}

async function writeObject(
  operation: CompactionOperation,
  { sources }: CompactionGroup,
  scratch: string,
): Promise<WrittenObject> {
  const file = path.join(scratch, 'merged.parquet');
  const back = path.join(scratch, 'merged.back.parquet');
  await operation.exportObject(file);
  failPoint('compact.after-write');
  const object = await operation.putObject({
    file,
    back,
    keepsBack: true,
    name: (sha256) => rewrittenKey(sources[0]?.name ?? '', operation.opId, sha256),
    failPoint: 'compact.after-put',
  });
  await operation.verifyObject(back, object);
  return object;
}

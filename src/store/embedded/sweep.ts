import { TABLE_TIERS } from '../../contract/index.js';
import { failPoint } from '../../faults/index.js';
import { throwIfAborted } from '../../objects/index.js';
import type { SweepOptions, SweptCounts } from '../store.js';
import type { EngineContext } from './context.js';
import { abandon, closeLeft } from './open-operation.js';
import { countRows, deleteRows, dropIfEmpty, standingRows } from './tiers/sweeping.js';
import type { PeriodTable } from './tiers/tables.js';

/** Rows per look and per delete: short enough that other writers of the tier get their turn in between. */
const CHUNK = 10_000;

/** Deletes rows that no placement names, table by table, and drops the tables that this empties. */
export async function sweepRows(
  context: EngineContext,
  options: SweepOptions,
  signal?: AbortSignal,
): Promise<SweptCounts> {
  const swept: SweptCounts = { rows: 0, tables: 0, objects: 0 };
  for (const tier of TABLE_TIERS) {
    for (const table of await context.tiers.tables(tier)) {
      throwIfAborted(signal, `sweep of ${tier}`);
      if ((await context.catalog.background.tierPause()) !== undefined) return { ...swept, paused: true };
      const placed = await context.catalog.background.countPlaced(table.from, table.until, tier);
      swept.rows += await sweepTable(context, { table, placed }, options, signal);
      // What is placed stands in it, and to look again would hold up its writers.
      if (placed > 0 || !(await dropIfEmpty(context.tiers, table))) continue;
      swept.tables++;
      failPoint('sweep.after-drop');
    }
  }
  await context.catalog.write.trimChanges(context.now());
  return swept;
}

async function sweepTable(
  context: EngineContext,
  { table, placed }: { table: PeriodTable; placed: number },
  { unnamedBefore }: SweepOptions,
  signal: AbortSignal | undefined,
): Promise<number> {
  const { catalog, tiers } = context;
  if ((await countRows(tiers, table)) <= placed) return 0;
  let deleted = 0;
  for await (const standing of standingRows(tiers, table, CHUNK)) {
    throwIfAborted(signal, `sweep of ${table.tier}`);
    const clock = { now: context.now(), unnamedBefore };
    const chosen = await catalog.write.chooseRows(standing, clock);
    if (chosen.length === 0) continue;
    failPoint('sweep.after-choice');
    await deleteRows(tiers, table, chosen);
    failPoint('sweep.after-rows');
    await catalog.write.forgetUnnamed('row', chosen.map(String));
    deleted += chosen.length;
  }
  return deleted;
}

/** Closes operations whose lease ran out, so that their rows can be swept and their batches planned again. */
export async function closeExpired(context: EngineContext): Promise<number> {
  await closeLeft(context);
  const expired = await context.catalog.write.expiredOperations(context.now());
  for (const opId of expired) await abandon(context, opId);
  return expired.length;
}

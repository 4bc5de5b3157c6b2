import path from 'node:path';
import { coldKey, type BatchSummary, type ColdPartition } from '../contract/index.js';
import { failPoint } from '../faults/index.js';
import { inScratch } from '../runtime/index.js';
import type {
  ColdOperation,
  ColdPartitionDue,
  Expiring,
  MoveOperation,
  MoveOutcome,
  TransitionForecast,
  WrittenObject,
} from '../store/index.js';
import type { MaintenanceContext } from './context.js';

export interface TransitionPlan {
  /** Rows due to leave each tier. */
  hot: number;
  warm: number;
  /** The systems and months that are to be written to cold now. */
  partitions: ColdPartitionDue[];
  /** Moving is paused, and nothing is planned. */
  paused?: true;
}

/** How a batch is moved. */
export interface BatchOptions {
  signal?: AbortSignal;
  /** In whose report it counts. */
  transitionId?: string | undefined;
}

/**
 * What is due as of an instant (milliseconds since 1970). `all` plans small cold objects too, which otherwise wait for
 * company.
 */
export async function planTransition(
  context: MaintenanceContext,
  input: { asOf: number; all: boolean },
): Promise<TransitionPlan> {
  if (await isPaused(context)) return { hot: 0, warm: 0, partitions: [], paused: true };
  const due = await context.store.countDue(input.asOf);
  return { ...due, partitions: await context.store.coldPartitionsDue(input.asOf, input.all) };
}

export interface Forecast extends TransitionForecast {
  /** Memories that would expire, at the most: what a clock alone says is not taken for true. Null where they are kept for ever. */
  expiring: Expiring | null;
}

/** What a transition as of then would move, write and let go. Changes nothing. Parts beyond `limit` are counted and not told. */
export async function forecastTransition(
  { store, batchRows, pace, now }: MaintenanceContext,
  input: { asOf: number; all: boolean; limit: number },
): Promise<Forecast> {
  const [forecast, expiring] = await Promise.all([
    store.forecastTransition({ ...input, batchRows: pace?.batchRows(batchRows) ?? batchRows }),
    store.expiring(Math.min(input.asOf, now())),
  ]);
  return { ...forecast, expiring: expiring ?? null };
}

const PAUSED: BatchSummary = { due: 0, moved: 0, paused: true };

async function isPaused({ store }: MaintenanceContext): Promise<boolean> {
  return (await store.tierPause()) !== undefined;
}

/**
 * Rows of a batch while somebody searches. Each of its steps takes a core, or this thread, for as long as its rows need, and a search that meets one waits: at
 * 1,000 rows one search in a hundred took three times as long as else, at 200 not twice (docs/reference/performance.md).
 */
const BATCH_ROWS_WHILE_SEARCHED = 200;

/** Runs a batch when the pace allows it; undefined where moving is paused by then: that stands in the catalog, so it holds whoever moves. */
export async function inPace<Summary extends BatchSummary>(
  context: MaintenanceContext,
  signal: AbortSignal | undefined,
  move: (limit: number) => Promise<Summary>,
): Promise<Summary | undefined> {
  const { pace, store } = context;
  await pace?.wait(signal);
  if (await isPaused(context)) return undefined;
  const begunAt = performance.now();
  const batchRows = store.isSearched()
    ? Math.min(BATCH_ROWS_WHILE_SEARCHED, context.batchRows)
    : context.batchRows;
  const summary = await move(pace?.batchRows(batchRows) ?? batchRows);
  pace?.moved(summary.due, begunAt);
  return summary;
}

/**
 * Moves one batch from hot to warm: copy, verify, commit. Returns the rows moved; 0 where none is due. Raises `Cancelled` once
 * the signal is raised: nothing has moved then, and what was copied is swept.
 */
export async function moveToWarm(
  context: MaintenanceContext,
  asOf: number,
  { signal, transitionId }: BatchOptions = {},
): Promise<BatchSummary> {
  const moved = await inPace<BatchSummary>(context, signal, async (limit) => {
    const operation = await context.store.openMove(asOf, limit, signal);
    return operation === undefined ? { due: 0, moved: 0 } : moveBatchToWarm(context, operation, transitionId);
  });
  return moved ?? PAUSED;
}

export async function moveBatchToWarm(
  context: MaintenanceContext,
  operation: MoveOperation,
  transitionId?: string,
): Promise<BatchSummary> {
  try {
    failPoint('move.after-open');
    await operation.copyRows();
    failPoint('move.after-insert');
    await operation.verifyCopies();
    failPoint('move.before-commit');
    const outcome = await operation.commit(transitionId);
    failPoint('move.after-commit');
    return summarize(context, operation.rows, outcome);
  } finally {
    await operation.close();
  }
}

/** The same with one batch of a system and month, from warm to a cold object: write, read back and verify, commit. */
export async function moveToCold(
  context: MaintenanceContext,
  asOf: number,
  partition: ColdPartitionDue,
  { signal, transitionId }: BatchOptions = {},
): Promise<BatchSummary> {
  const moved = await inPace<BatchSummary>(context, signal, (limit) =>
    inScratch(context.scratch, 'cold-', async (scratch) => {
      const operation = await context.store.openCold(asOf, partition, limit, signal);
      return operation === undefined
        ? { due: 0, moved: 0 }
        : moveBatchToCold(context, operation, { partition, scratch, transitionId });
    }),
  );
  return moved ?? PAUSED;
}

export async function moveBatchToCold(
  context: MaintenanceContext,
  operation: ColdOperation,
  {
    partition,
    scratch,
    transitionId,
  }: { partition: ColdPartition; scratch: string; transitionId?: string | undefined },
): Promise<BatchSummary> {
  try {
    failPoint('cold.after-open');
    const object = operation.found === 0 ? undefined : await writeColdObject(operation, partition, scratch);
    failPoint('cold.before-commit');
    const outcome = await operation.commit(object, transitionId);
    failPoint('cold.after-commit');
    return summarize(context, operation.rows, outcome);
  } finally {
    await operation.close();
  }
}

/** What a batch came to; tells of rows that it held. */
export function summarize(
  { log }: MaintenanceContext,
  due: number,
  { moved, held }: MoveOutcome,
): BatchSummary {
  if (held.length === 0) return { due, moved };
  log?.warn(
    { due, moved, held },
    'rows that cannot be moved stay where they are; they are tried again in a day',
  );
  return { due, moved, held };
}

async function writeColdObject(
  operation: ColdOperation,
  partition: ColdPartition,
  scratch: string,
): Promise<WrittenObject> {
  const file = path.join(scratch, 'cold.parquet');
  const back = path.join(scratch, 'cold.back.parquet');
  await operation.exportObject(file);
  failPoint('cold.after-write');
  const object = await operation.putObject({
    file,
    back,
    keepsBack: true,
    name: (sha256) => coldKey(partition, operation.batchId, operation.opId, sha256),
    failPoint: 'cold.after-put',
  });
  await operation.verifyObject(back, object);
  return object;
}

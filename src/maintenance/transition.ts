import { mkdtemp, rm } from 'node:fs/promises';
import path from 'node:path';
import { coldKey } from '../contract/index.js';
import { failPoint } from '../faults/index.js';
import type { ColdOperation, ColdPartitionDue, WrittenObject } from '../store/index.js';
import type { MaintenanceContext } from './context.js';

export interface TransitionPlan {
  /** Rows due to leave each tier. */
  hot: number;
  warm: number;
  /** The systems and months that are to be written to cold now. */
  partitions: ColdPartitionDue[];
}

/**
 * What is due as of an instant (milliseconds since 1970). `all` plans small cold objects too, which otherwise wait for
 * company.
 */
export async function planTransition(
  context: MaintenanceContext,
  input: { asOf: number; all: boolean },
): Promise<TransitionPlan> {
  const due = await context.store.countDue(input.asOf);
  return { ...due, partitions: await context.store.coldPartitionsDue(input.asOf, input.all) };
}

/** Moves one batch from hot to warm: copy, verify, commit. Returns the rows moved; 0 where none is due. */
export async function moveToWarm(
  context: MaintenanceContext,
  asOf: number,
): Promise<{ due: number; moved: number }> {
  const operation = await context.store.openMove(asOf, context.batchRows);
  if (operation === undefined) return { due: 0, moved: 0 };
  try {
    failPoint('move.after-open');
    await operation.copyRows();
    failPoint('move.after-insert');
    await operation.verifyCopies();
    failPoint('move.before-commit');
    const moved = await operation.commit();
    failPoint('move.after-commit');
    return { due: operation.rows, moved };
  } finally {
    await operation.close();
  }
}

/** Moves one batch of a system and month from warm to a cold object: write, read back and verify, commit. */
export async function moveToCold(
  context: MaintenanceContext,
  asOf: number,
  partition: ColdPartitionDue,
): Promise<{ due: number; moved: number }> {
  const scratch = await mkdtemp(path.join(context.scratch, 'cold-'));
  try {
    const operation = await context.store.openCold(asOf, partition, context.batchRows);
    return operation === undefined
      ? { due: 0, moved: 0 }
      : await moveBatchToCold(operation, partition, scratch);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function moveBatchToCold(
  operation: ColdOperation,
  partition: ColdPartitionDue,
  scratch: string,
): Promise<{ due: number; moved: number }> {
  try {
    failPoint('cold.after-open');
    const object = await writeColdObject(operation, partition, scratch);
    failPoint('cold.before-commit');
    const moved = await operation.commit(object);
    failPoint('cold.after-commit');
    return { due: operation.rows, moved };
  } finally {
    await operation.close();
  }
}

async function writeColdObject(
  operation: ColdOperation,
  partition: ColdPartitionDue,
  scratch: string,
): Promise<WrittenObject> {
  const file = path.join(scratch, 'cold.parquet');
  const back = path.join(scratch, 'cold.back.parquet');
  await operation.exportObject(file);
  failPoint('cold.after-write');
  const object = await operation.putObject({
    file,
    back,
    name: (sha256) => coldKey(partition, operation.batchId, operation.opId, sha256),
    failPoint: 'cold.after-put',
  });
  await operation.verifyObject(back, object);
  return object;
}

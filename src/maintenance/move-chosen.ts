import type {
  BatchSummary,
  ChosenBatchSummary,
  MoveStep,
  Selection,
  SelectionCursor,
} from '../contract/index.js';
import { failPoint } from '../faults/index.js';
import { inScratch } from '../runtime/index.js';
import type { Chosen, ChosenRequest, MoveOperation } from '../store/index.js';
import type { MaintenanceContext } from './context.js';
import { inPace, moveBatchToCold, moveBatchToWarm, summarize } from './transition.js';

/**
 * Moves the next batch of a selection from one tier to another, colder or warmer: copy, verify, commit. Raises `Cancelled` once the signal is
 * raised: nothing has moved then, and what was copied is swept.
 */
export async function moveChosen(
  context: MaintenanceContext,
  { selection, from, to, after }: MoveStep & { selection: Selection; after: SelectionCursor | null },
  signal?: AbortSignal,
): Promise<ChosenBatchSummary> {
  const batch = await inPace(context, signal, (limit) =>
    moveBatch(context, { selection, from, to, after: after ?? undefined, limit }, signal),
  );
  return batch ?? { due: 0, moved: 0, left: 0, next: after, paused: true };
}

async function moveBatch(
  context: MaintenanceContext,
  request: ChosenRequest,
  signal: AbortSignal | undefined,
): Promise<ChosenBatchSummary> {
  if (request.from === 'hot')
    return told(await context.store.openChosenMove(request, signal), (operation) =>
      moveBatchToWarm(context, operation),
    );
  if (request.to === 'cold') return moveChosenToCold(context, request, signal);
  const staysUntil = context.now() + context.thawedMs;
  return told(await context.store.openThaw({ ...request, staysUntil }, signal), (operation) =>
    thawBatch(context, operation),
  );
}

async function moveChosenToCold(
  context: MaintenanceContext,
  request: ChosenRequest,
  signal: AbortSignal | undefined,
): Promise<ChosenBatchSummary> {
  return inScratch(context.scratch, 'cold-', async (scratch) =>
    told(await context.store.openChosenCold(request, signal), (operation) =>
      moveBatchToCold(context, operation, { partition: operation.partition, scratch }),
    ),
  );
}

async function thawBatch(context: MaintenanceContext, operation: MoveOperation): Promise<BatchSummary> {
  try {
    failPoint('thaw.after-open');
    await operation.copyRows();
    failPoint('thaw.after-insert');
    await operation.verifyCopies();
    failPoint('thaw.before-commit');
    const outcome = await operation.commit();
    failPoint('thaw.after-commit');
    return summarize(context, operation.rows, outcome);
  } finally {
    await operation.close();
  }
}

async function told<Opened>(
  { operation, selected, next }: Chosen<Opened>,
  move: (operation: Opened) => Promise<BatchSummary>,
): Promise<ChosenBatchSummary> {
  const batch = operation === undefined ? { due: 0, moved: 0 } : await move(operation);
  return { ...batch, left: selected - batch.moved, next };
}

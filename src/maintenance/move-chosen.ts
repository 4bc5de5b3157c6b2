import { type BatchSummary, type MoveStep, type Selection, type SelectionCursor } from '../contract/index.js';
import { failPoint } from '../faults/index.js';
import { inScratch } from '../runtime/index.js';
import type { Chosen, ChosenRequest, MoveOperation } from '../store/index.js';
import type { MaintenanceContext } from './context.js';
import { moveBatchToCold, moveBatchToWarm, summarize } from './transition.js';

export interface ChosenMove extends BatchSummary {
  /** Memories that cannot be moved now: pinned, in another batch, changed meanwhile, without its upload's receipt, or held. */
  left: number;
  /** Where the next batch begins; null behind the last. */
  next: SelectionCursor | null;
}

/**
 * Moves the next batch of a selection from one tier to another, colder or warmer: copy, verify, commit. Raises `Cancelled` once the signal is
 * raised: nothing has moved then, and what was copied is swept.
 */
export async function moveChosen(
  context: MaintenanceContext,
  { selection, from, to, after }: MoveStep & { selection: Selection; after: SelectionCursor | null },
  signal?: AbortSignal,
): Promise<ChosenMove> {
  const request = { selection, from, to, after: after ?? undefined, limit: context.batchRows };
  if (from === 'hot')
    return told(await context.store.openChosenMove(request, signal), (operation) =>
      moveBatchToWarm(context, operation),
    );
  if (to === 'cold') return moveChosenToCold(context, request, signal);
  const staysUntil = context.now() + context.thawedMs;
  return told(await context.store.openThaw({ ...request, staysUntil }, signal), (operation) =>
    thawBatch(context, operation),
  );
}

async function moveChosenToCold(
  context: MaintenanceContext,
  request: ChosenRequest,
  signal: AbortSignal | undefined,
): Promise<ChosenMove> {
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
): Promise<ChosenMove> {
  const batch = operation === undefined ? { due: 0, moved: 0 } : await move(operation);
  return { ...batch, left: selected - batch.moved, next };
}

import { isAkoshaError, type HeldRows, type RepairableTier } from '../contract/index.js';
import { failPoint } from '../faults/index.js';
import { throwIfAborted } from '../objects/index.js';
import type { MoveOperation, MoveOutcome, RepairCursor } from '../store/index.js';
import type { MaintenanceContext } from './context.js';

/** How far a repair is, and in the end what it came to. */
export interface RepairProgress {
  tier: RepairableTier;
  /** Why the tier's file was taken out of use, and where it is now; null where it could be read to its end. */
  setAside: { reason: string; file: string } | null;
  /** Memories that were looked at, those whose row was gone, and those that are back. */
  checked: number;
  lost: number;
  repaired: number;
  /** What could not be brought back: it is tried again by the next repair. */
  held: HeldRows[];
}

/**
 * Brings a tier back from object storage: a file that cannot be read is taken out of use, and every row that is not where its placement says
 * is written again from the object that keeps it. Rows that are right are left alone, so that it may be begun again at any time,
 * and goes on where it was. Raises `Cancelled` between two parts.
 */
export async function repairTier(
  context: MaintenanceContext,
  tier: RepairableTier,
  onProgress: (progress: RepairProgress) => void,
  signal?: AbortSignal,
): Promise<RepairProgress> {
  const { store, log } = context;
  let progress: RepairProgress = { tier, setAside: null, checked: 0, lost: 0, repaired: 0, held: [] };
  const advance = (change: Partial<RepairProgress>): void => {
    progress = { ...progress, ...change };
    onProgress(progress);
  };
  const setAside = async (reason: string): Promise<void> => {
    const file = await store.setAside(tier, signal);
    failPoint('repair.after-set-aside');
    log?.warn({ tier, reason, file }, 'the file of a tier cannot be read and is set aside');
    advance({ setAside: { reason, file } });
  };
  /** One look at all of the tier. Returns how many rows it found to be lost and could not, or was not free to, bring back. */
  const bringBack = async (): Promise<number> => {
    let left = 0;
    advance({ checked: 0, held: [] });
    for (let after: RepairCursor | null | undefined; after !== null;) {
      throwIfAborted(signal, `repair of ${tier}`);
      const part = await store.openRepair({ tier, after, limit: context.batchRows }, signal);
      const { moved, held } = await repairPart(part.operation);
      left += part.lost - moved;
      advance({
        checked: progress.checked + part.checked,
        repaired: progress.repaired + moved,
        lost: progress.repaired + moved + left,
        held: [...progress.held, ...held],
      });
      after = part.next;
    }
    return left;
  };
  const reason = await store.findDamage(tier);
  if (reason !== undefined) await setAside(reason);
  let left: number;
  try {
    left = await bringBack();
  } catch (error) {
    // Damage that no reading of rows meets. A file that was begun anew just now is not damaged by what befell the old one.
    if (!isAkoshaError(error, 'StoreDamaged') || progress.setAside !== null) throw error;
    await setAside(error.message);
    left = await bringBack();
  }
  // What was in another's batch, or replaced just then, may be lost as well: another look finds it free.
  if (left > 0 && progress.held.length === 0) left = await bringBack();
  if (left === 0) await store.endDamage(tier);
  else log?.warn({ tier, left, held: progress.held }, 'rows that were lost and could not be brought back');
  return progress;
}

async function repairPart(operation: MoveOperation | undefined): Promise<MoveOutcome> {
  if (operation === undefined) return { moved: 0, held: [] };
  try {
    failPoint('repair.after-open');
    await operation.copyRows();
    failPoint('repair.after-insert');
    await operation.verifyCopies();
    failPoint('repair.before-commit');
    const outcome = await operation.commit();
    failPoint('repair.after-commit');
    return outcome;
  } finally {
    await operation.close();
  }
}

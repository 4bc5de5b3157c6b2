import { continueAsNew, proxyActivities } from '@temporalio/workflow';
import {
  moveOptions,
  stepsOf,
  type MoveMemoriesInput,
  type MoveMemoriesResult,
  type StoreActivities,
} from '../contract/index.js';
import { isTimeForNewRun } from './next-run.js';
import { trackProgress } from './progress.js';

const { moveChosen } = proxyActivities<StoreActivities>(moveOptions());

/**
 * Moves the memories that a person chose to the tier that was asked for, batch by batch. It goes through them once: what cannot be moved when
 * its turn comes is counted and left.
 */
export async function moveMemories({
  action,
  to,
  selection,
  total,
  state = { step: 0, after: null, moved: 0, left: 0, held: 0 },
}: MoveMemoriesInput): Promise<MoveMemoriesResult> {
  const progress = trackProgress('rows', { tier: to, systemId: selection.systemId ?? null });
  let { step, after, moved, left, held } = state;
  // What somebody paused goes on when it is asked for again: it takes what is left.
  const stopped = (): MoveMemoriesResult => {
    progress.finish(`moving between tiers is paused; rows: moved ${moved}, left ${left}`);
    return { moved, left, held, paused: true };
  };
  for (const way of stepsOf(action, to).slice(step)) {
    progress.enter(way.from, { done: moved, total });
    do {
      const batch = await moveChosen({ selection, ...way, after });
      moved += batch.moved;
      left += batch.left;
      held += (batch.held ?? []).reduce((sum, { rows }) => sum + rows, 0);
      if (batch.paused === true) return stopped();
      after = batch.next;
      progress.advance(moved);
      if (after !== null && isTimeForNewRun()) {
        const reached = { step, after, moved, left, held };
        await continueAsNew<typeof moveMemories>({ action, to, selection, total, state: reached });
      }
    } while (after !== null);
    step += 1;
  }
  progress.finish(`rows: moved ${moved}, left ${left}`);
  return { moved, left, held };
}

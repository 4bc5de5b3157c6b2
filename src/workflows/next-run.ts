import { patched, workflowInfo } from '@temporalio/workflow';
import { PATCHES } from '../contract/index.js';

/**
 * Half of the 2,000 events that no history of ours is to pass, because each is read again by whichever worker takes the run up: the other
 * half is for signals, which come as they please. The server's own suggestion comes at some 4,000 by default.
 */
const MOST_EVENTS = 1_000;

/** Whether the run should continue as new at the next place where it can. */
export function isTimeForNewRun(): boolean {
  const { continueAsNewSuggested, historyLength } = workflowInfo();
  return continueAsNewSuggested || (historyLength >= MOST_EVENTS && patched(PATCHES.ownHistoryBound));
}

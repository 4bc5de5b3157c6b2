import { continueAsNew, patched, proxyActivities, sleep } from '@temporalio/workflow';
import {
  MAINTENANCE,
  PATCHES,
  storeQueryOptions,
  walkOptions,
  walkPortionOptions,
  type DailyIngestInput,
  type DailyIngestResult,
  type StoreActivities,
  type WalkSummary,
} from '../contract/index.js';
import { scheduledDay } from './logical-date.js';
import { isTimeForNewRun } from './next-run.js';
import { trackProgress, type ProgressTracker } from './progress.js';

/** A person is waiting: a short queue is through within seconds. */
const FIRST_PAUSE_MS = 1_000;
/** A long queue takes minutes or hours, and each look is ten events in the history. */
const LONGEST_PAUSE_MS = 10_000;

/**
 * Walks object storage for uploads that no inbox entry announced, and puts them in the queue. With `wait` it returns when
 * everything queued by then is ingested or in quarantine.
 */
export async function dailyIngest(input: DailyIngestInput = {}): Promise<DailyIngestResult> {
  const { wait = false } = input;
  const progress = trackProgress('uploads');
  const walk = input.walked ?? (await walkObjects(input, progress));
  if (wait) await waitUntilThrough(walk, progress);
  const day = scheduledDay();
  const through = wait ? '; all that was queued is ingested or in quarantine' : '';
  const ofDay = day === undefined ? '' : `; the run of ${day}`;
  progress.finish(`uploads: looked at ${walk.seen}, new ${walk.added}${through}${ofDay}`);
  return { seen: walk.seen, added: walk.added, ...(day === undefined ? {} : { day }) };
}

/** Portion by portion: how far it is stands in the history, so that whatever dies, the walk goes on from there. */
async function walkObjects(input: DailyIngestInput, progress: ProgressTracker): Promise<WalkSummary> {
  const { walkPortion } = proxyActivities<StoreActivities>(walkPortionOptions());
  progress.enter('walk', { done: input.state?.seen ?? 0 });
  if (input.state === undefined && !patched(PATCHES.walkInPortions)) return walkAtOnce(input, progress);
  const { systemId } = input;
  let next =
    input.state === undefined ? (systemId === undefined ? {} : { systemId }) : { state: input.state };
  for (;;) {
    const { state, done, at } = await walkPortion(next);
    progress.advance(state.seen);
    if (done) return { seen: state.seen, added: state.added, at };
    if (isTimeForNewRun()) await continueAsNew<typeof dailyIngest>({ ...input, state });
    next = { state };
  }
}

/** As runs do that began before walks went in portions. */
async function walkAtOnce({ systemId }: DailyIngestInput, progress: ProgressTracker): Promise<WalkSummary> {
  const { walkUploads } = proxyActivities<StoreActivities>(walkOptions());
  const walk = await (systemId === undefined ? walkUploads() : walkUploads({ systemId }));
  progress.advance(walk.seen);
  return walk;
}

async function waitUntilThrough(walked: WalkSummary, progress: ProgressTracker): Promise<void> {
  const { countUnfinished } = proxyActivities<StoreActivities>(storeQueryOptions(MAINTENANCE));
  progress.enter('wait');
  let most = 0;
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
    const left = await countUnfinished({ before: walked.at });
    if (left === 0) return;
    most = Math.max(most, left);
    progress.advance(most - left);
    if (isTimeForNewRun()) await continueAsNew<typeof dailyIngest>({ wait: true, walked });
    await sleep(pause, { summary: `${left} uploads to go` });
  }
}

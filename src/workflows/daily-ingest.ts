import { continueAsNew, proxyActivities, sleep, workflowInfo } from '@temporalio/workflow';
import {
  MAINTENANCE,
  storeQueryOptions,
  walkOptions,
  type DailyIngestInput,
  type DailyIngestResult,
  type StoreActivities,
  type WalkSummary,
} from '../contract/index.js';
import { trackProgress, type ProgressTracker } from './progress.js';

/** A person is waiting: a short queue is through within seconds. */
const FIRST_PAUSE_MS = 1_000;
/** A long queue takes minutes or hours, and each look is ten events in the history. */
const LONGEST_PAUSE_MS = 10_000;

/**
 * Walks object storage for uploads that no inbox entry announced, and puts them in the queue. With `wait` it returns when
 * everything queued by then is ingested or in quarantine.
 */
export async function dailyIngest({
  systemId,
  wait = false,
  walked,
}: DailyIngestInput = {}): Promise<DailyIngestResult> {
  const progress = trackProgress('uploads');
  const walk = walked ?? (await walkObjects(systemId, progress));
  if (wait) await waitUntilThrough(walk, progress);
  const through = wait ? '; all that was queued is ingested or in quarantine' : '';
  progress.finish(`uploads: looked at ${walk.seen}, new ${walk.added}${through}`);
  return { seen: walk.seen, added: walk.added };
}

async function walkObjects(systemId: string | undefined, progress: ProgressTracker): Promise<WalkSummary> {
  const { walkUploads } = proxyActivities<StoreActivities>(walkOptions());
  progress.enter('walk');
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
    if (workflowInfo().continueAsNewSuggested)
      await continueAsNew<typeof dailyIngest>({ wait: true, walked });
    await sleep(pause, { summary: `${left} uploads to go` });
  }
}

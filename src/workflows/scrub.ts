import { continueAsNew, proxyActivities, workflowInfo } from '@temporalio/workflow';
import {
  addScrubbed,
  MAINTENANCE,
  NOTHING_SCRUBBED,
  scrubOptions,
  storeQueryOptions,
  type ScrubCursor,
  type ScrubInput,
  type ScrubReport,
  type StoreActivities,
} from '../contract/index.js';
import { isTimeForNewRun } from './next-run.js';
import { trackProgress } from './progress.js';

const { scrubPortion } = proxyActivities<StoreActivities>(scrubOptions());
const { endScrub } = proxyActivities<StoreActivities>(storeQueryOptions(MAINTENANCE));

/**
 * Compares objects, rows and placements, portion by portion, once from end to end. It does not fail where something differs: that stops moving,
 * and a person is told.
 */
export async function scrub({ state }: ScrubInput = {}): Promise<ScrubReport> {
  const progress = trackProgress('objects');
  const scrubId = state?.scrubId ?? ownId();
  let counts = state?.counts ?? NOTHING_SCRUBBED;
  let after: ScrubCursor | null = state?.after ?? null;
  let part = after?.part ?? 'objects';
  const seen = () => ({ unit: part, done: counts[part] });
  progress.enter(part, seen());
  do {
    const portion = await scrubPortion({ scrubId, after });
    counts = addScrubbed(counts, portion.counts);
    after = portion.next;
    if (after !== null && after.part !== part) {
      part = after.part;
      progress.enter(part, seen());
    }
    progress.advance(seen().done);
    if (after !== null && isTimeForNewRun()) {
      await continueAsNew<typeof scrub>({ state: { scrubId, after, counts } });
    }
  } while (after !== null);
  const report = await endScrub({ scrubId, counts });
  progress.finish(describe(report));
  return report;
}

/** Of the first run, and never used again. */
function ownId(): string {
  const { workflowId, firstExecutionRunId } = workflowInfo();
  return `${workflowId}/${firstExecutionRunId}`;
}

function describe({ findings, objects, placements, rows }: ScrubReport): string {
  const looked = `objects ${objects}, placements ${placements}, rows ${rows}`;
  return findings === 0
    ? `as it should be; ${looked}`
    : `mismatches: ${findings}; moving is stopped; ${looked}`;
}

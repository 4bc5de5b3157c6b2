import { continueAsNew, defineSignal, proxyActivities, workflowInfo } from '@temporalio/workflow';
import {
  addIngested,
  addTotals,
  ingestOptions,
  moreUrgent,
  NO_TOTALS,
  raisedPriority,
  SIGNALS,
  storeQueryOptions,
  type IngestedInTurn,
  type IngestSystemInput,
  type IngestTotals,
  type StoreActivities,
  type UploadReady,
} from '../contract/index.js';
import { listenFor } from './doorbell.js';
import { isTimeForNewRun } from './next-run.js';
import { trackProgress } from './progress.js';

export const uploadReadySignal = defineSignal<[UploadReady?]>(SIGNALS.uploadReady);

/**
 * Ingests a system's uploads in their order, one after the other, until its queue is empty. The queue is the catalog's; the
 * signal only says that it is worth another look, so a lost or doubled one does no harm.
 *
 * It also says how urgent the upload is. What is ingested from then on has that priority, if it is the higher one: an announced upload comes behind
 * its own system's older ones, and is not to wait behind the backlog of all the others as well. What waits in Temporal's queue by then keeps its place.
 */
export async function ingestSystem({
  systemId,
  next: first,
  phase,
  totals = NO_TOTALS,
  lastUploadId,
  told,
}: IngestSystemInput): Promise<IngestTotals> {
  let urgency = told;
  const nudge = listenFor(
    uploadReadySignal,
    'Says that the system has something new in the queue, and how urgent that is.',
    (ready?: UploadReady) => void (urgency = moreUrgent(urgency, ready?.urgency)),
  );
  const named = phase === undefined ? {} : { phase, uploadId: lastUploadId ?? first?.uploadId ?? null };
  const progress = trackProgress('uploads', { systemId, uploadId: lastUploadId ?? null, ...named });
  const { nextUpload } = proxyActivities<StoreActivities>(storeQueryOptions(systemId));
  const { ingestUpload } = proxyActivities<StoreActivities>(ingestOptions(systemId));

  let sum = totals;
  let last = lastUploadId;
  progress.enter('ingest', { done: uploadsOf(sum) });
  let next: IngestedInTurn['next'] = first;
  for (;;) {
    // The bell is silenced before a look at the queue, and at the end of an ingest there is one.
    nudge.reset();
    if (next === undefined) next = await nextUpload({ systemId });
    if (next !== null) {
      const { uploadId } = next;
      last = uploadId;
      progress.advance(uploadsOf(sum), { uploadId });
      const priority = raisedPriority(systemId, workflowInfo().priority?.priorityKey, urgency);
      const summary = await ingestUpload.executeWithOptions({ summary: `upload ${uploadId}`, priority }, [
        next,
      ]);
      ({ next } = summary);
      sum = addTotals(addIngested(sum, summary), summary.further?.totals ?? NO_TOTALS);
      last = summary.further?.lastUploadId ?? uploadId;
      progress.advance(uploadsOf(sum), { uploadId: last });
    }
    if (next === null && !nudge.rang()) {
      // Nothing was awaited since the look at the queue, so a nudge that came meanwhile has been seen.
      if (phase === undefined) progress.finish(describe(sum));
      else progress.close(describe(sum));
      return sum;
    }
    if (next === null) next = undefined;
    if (isTimeForNewRun()) {
      progress.publish();
      // A nudge that is lost here does no harm: the next run begins with a look.
      await continueAsNew<typeof ingestSystem>({
        systemId,
        totals: sum,
        ...(phase === undefined ? {} : { phase }),
        ...(last === undefined ? {} : { lastUploadId: last }),
        ...(urgency === undefined ? {} : { told: urgency }),
      });
    }
  }
}

function uploadsOf({ ingested, quarantined }: IngestTotals): number {
  return ingested + quarantined;
}

function describe({ ingested, quarantined, rows }: IngestTotals): string {
  const counts = Object.entries(rows).filter(([, count]) => count > 0);
  const named = counts.map(([name, count]) => `${name} ${count}`).join(', ') || 'none';
  return `uploads: ingested ${ingested}, quarantined ${quarantined}; rows: ${named}`;
}

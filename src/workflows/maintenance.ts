import { continueAsNew, proxyActivities } from '@temporalio/workflow';
import {
  retentionOptions,
  type MaintenanceInput,
  type MaintenanceResult,
  type StoreActivities,
} from '../contract/index.js';
import { isTimeForNewRun } from './next-run.js';
import { trackProgress } from './progress.js';

const { retireUploads } = proxyActivities<StoreActivities>(retentionOptions());

/**
 * Deletes raw uploads whose days are over, batch by batch. It goes through them once: what is in no backup yet, or fell due meanwhile behind
 * where it is, the next run takes.
 */
export async function maintenance({ state }: MaintenanceInput = {}): Promise<MaintenanceResult> {
  const progress = trackProgress('uploads');
  let { after, deletedUploads } = state ?? { after: null, deletedUploads: 0 };
  progress.enter('retention', { done: deletedUploads });
  do {
    const batch = await retireUploads({ after });
    deletedUploads += batch.deleted;
    after = batch.next;
    progress.advance(deletedUploads);
    if (after !== null && isTimeForNewRun()) {
      await continueAsNew<typeof maintenance>({ state: { after, deletedUploads } });
    }
  } while (after !== null);
  progress.finish(`uploads deleted: ${deletedUploads}`);
  return { deletedUploads };
}

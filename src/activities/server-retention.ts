import type { StoreActivities } from '../contract/index.js';
import { retireUploads, type RetentionContext } from '../maintenance/index.js';
import { runActivity } from './run-activity.js';

export interface RetentionActivityDeps {
  retention: RetentionContext;
}

export function retentionActivities({
  retention,
}: RetentionActivityDeps): Pick<StoreActivities, 'retireUploads'> {
  return {
    retireUploads: ({ after }) =>
      runActivity(({ signal, report }) =>
        retireUploads(retention, after, {
          signal,
          onProgress: (deleted) => report({ step: 'delete', deleted }),
        }),
      ),
  };
}

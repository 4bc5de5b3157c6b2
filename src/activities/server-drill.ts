import type { StoreActivities } from '../contract/index.js';
import { restoreDrill, type DrillContext } from '../maintenance/index.js';
import { runActivity } from './run-activity.js';

export interface DrillActivityDeps {
  drill: DrillContext;
}

export function drillActivities({ drill }: DrillActivityDeps): Pick<StoreActivities, 'restoreDrill'> {
  return {
    restoreDrill: ({ drillId }) =>
      runActivity(({ signal, report }) => restoreDrill(drill, drillId, { signal, onProgress: report })),
  };
}

import type { OutageReport, StoreActivities } from '../contract/index.js';
import { runActivity } from './run-activity.js';

export interface OutageActivityDeps {
  /** The records of this server's outages. */
  outages: {
    report(start: string): Promise<OutageReport>;
    close(start: string): Promise<void>;
  };
}

export function outageActivities({
  outages,
}: OutageActivityDeps): Pick<StoreActivities, 'readOutage' | 'closeOutage'> {
  return {
    readOutage: ({ start }) => runActivity(() => outages.report(start)),
    closeOutage: ({ start }) => runActivity(() => outages.close(start)),
  };
}

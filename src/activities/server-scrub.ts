import type { StoreActivities } from '../contract/index.js';
import { endScrub, scrubPortion, type ScrubContext } from '../maintenance/index.js';
import { runActivity } from './run-activity.js';

export interface ScrubActivityDeps {
  scrub: ScrubContext;
}

export function scrubActivities({
  scrub,
}: ScrubActivityDeps): Pick<StoreActivities, 'scrubPortion' | 'endScrub'> {
  return {
    scrubPortion: (input) =>
      runActivity(({ signal, report }) =>
        scrubPortion(scrub, input, {
          signal,
          onProgress: (counts) => report({ step: 'compare', ...counts }),
        }),
      ),

    endScrub: (input) => runActivity(() => endScrub(scrub, input)),
  };
}

import { proxyActivities, sleep } from '@temporalio/workflow';
import {
  moveOptions,
  walkOptions,
  type ErasePass,
  type ForgetCounts,
  type ForgetSystemInput,
  type ForgetSystemResult,
  type StoreActivities,
} from '../contract/index.js';
import { trackProgress } from './progress.js';

const { beginForget } = proxyActivities<StoreActivities>(moveOptions());
const { eraseForgotten, finishForget } = proxyActivities<StoreActivities>(walkOptions());

/**
 * Erases a scope everywhere. Its tombstone stands before anything else is done; what was being written by then has landed, or never will,
 * once the longest request and search are over, so only a look that began after that can tell that nothing is left. One that finds
 * something is followed by another.
 */
export async function forgetSystem({ scope }: ForgetSystemInput): Promise<ForgetSystemResult> {
  const progress = trackProgress('steps', { systemId: scope.systemId });
  progress.enter('begin');
  const { waitMs } = await beginForget({ scope });
  progress.enter('erase');
  await eraseForgotten({ scope });
  for (let looks = 1, pass: ErasePass | undefined; pass === undefined || !isNothing(pass); looks++) {
    progress.enter('wait', { done: looks });
    await sleep(waitMs);
    progress.enter('verify', { done: looks });
    pass = await eraseForgotten({ scope });
  }
  progress.enter('receipt');
  const result = await finishForget({ scope });
  progress.finish(describe(result.counts));
  return result;
}

function isNothing({ rows, objects, uploads }: ErasePass): boolean {
  return rows + objects + uploads === 0;
}

function describe({ memories, rows, objectsDeleted, uploads }: ForgetCounts): string {
  const all = memories.hot + memories.warm + memories.cold;
  return `memories ${all}; rows ${rows}, objects ${objectsDeleted}, uploads ${uploads}`;
}

import type { StoreActivities } from '../contract/index.js';
import { erasePass, finishForget, requestForget, type ForgetContext } from '../maintenance/index.js';
import { scopeIdOf } from '../memory/index.js';
import { runActivity } from './run-activity.js';

export interface ForgetActivityDeps {
  forget: ForgetContext;
}

type ForgetActivities = Pick<StoreActivities, 'beginForget' | 'eraseForgotten' | 'finishForget'>;

export function forgetActivities({ forget }: ForgetActivityDeps): ForgetActivities {
  return {
    beginForget: ({ scope }) =>
      runActivity(async () => {
        await requestForget(forget, scope);
        return { scopeId: scopeIdOf(scope), waitMs: forget.longestMs };
      }),

    eraseForgotten: ({ scope }) =>
      runActivity(({ signal, report }) =>
        erasePass(forget, scope, { signal, onStep: (step, seen) => report({ step, seen }) }),
      ),

    finishForget: ({ scope }) =>
      runActivity(async ({ signal }) => {
        const receipt = await finishForget(forget, scope, signal);
        const { memories, vectors, rows, objects, uploads } = receipt;
        const counts = {
          memories,
          vectors,
          rows,
          objectsDeleted: objects.deleted,
          objectsRewritten: objects.rewritten,
          uploads: uploads['deleted'] ?? 0,
        };
        return { scopeId: receipt.scope_id, counts };
      }),
  };
}

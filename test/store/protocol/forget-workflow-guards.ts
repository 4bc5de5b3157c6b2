import assert from 'node:assert/strict';
import type { Guard } from './guard.js';
import { SYSTEM, type World } from './world.js';

const FILE = 'workflows/forget-system.js';

/** Where the doubles of what Temporal gives a workflow wait for it. */
const DOUBLES = 'doublesOfTemporal';

/** The workflow runs without Temporal: its activities are plain calls, and it sleeps as the scenario says. */
const WITHOUT_TEMPORAL = [
  {
    file: FILE,
    from: "import { proxyActivities, sleep } from '@temporalio/workflow';",
    to: `const { proxyActivities, sleep, trackProgress } = globalThis.${DOUBLES};`,
  },
  { file: FILE, from: "import { trackProgress } from './progress.js';", to: '' },
];

const SCOPE = { scope: 'memory', systemId: SYSTEM, kind: 'conversation', memoryId: 'a' } as const;

/**
 * A forget of what stands in a journal that a server which died had sent: it lands within the longest request, so while the forget sleeps, or
 * where it does not, after its receipt.
 */
async function forgetBesideAPut(world: World, broken: string): Promise<void> {
  const rows = [
    { id: 'a', text: 'forgotten' },
    { id: 'b', text: 'stays' },
  ];
  await world.ingest('u1', 1, rows);
  const [journal = ''] = await world.objectNames('journal/');
  const sent = await world.archive.get(journal);
  const opId = world.library.contract.operationOfObject(journal) ?? 0;
  let hasLanded = false;
  const land = async (): Promise<void> => {
    if (!hasLanded) await world.archive.put(journal.replace(`-${opId}-`, `-${opId + 1000}-`), sent);
    hasLanded = true;
  };
  const { requestForget, erasePass, finishForget } = world.library.maintenance;
  const context = world.forgetting({ deleteRaw: (ref) => world.store.markForgotten(ref) });
  const activities = {
    beginForget: async () => ({ tombstone: await requestForget(context, SCOPE), waitMs: 1 }),
    eraseForgotten: () => erasePass(context, SCOPE),
    finishForget: async () => {
      await finishForget(context, SCOPE);
      return { counts: { memories: { hot: 0, warm: 0, cold: 0 } } };
    },
  };
  const nothing = (): void => undefined;
  Reflect.set(globalThis, DOUBLES, {
    proxyActivities: () => activities,
    sleep: land,
    trackProgress: () => ({ enter: nothing, finish: nothing }),
  });
  const { forgetSystem } = await world.library.load<typeof import('../../../src/workflows/index.js')>(FILE);
  await forgetSystem({ scope: SCOPE });
  await land();
  assert.equal((await world.textsInObjects()).includes('forgotten'), false, broken);
}

/** Guards of the order in which a forget goes about its work. */
export const FORGET_WORKFLOW_GUARDS: readonly Guard[] = [
  {
    name: 'forget-waits-for-writers',
    prevents: 'a put that was in flight lands after the receipt',
    conditions: WITHOUT_TEMPORAL,
    without: [{ file: FILE, from: 'await sleep(waitMs);', to: '' }],
    scenario: forgetBesideAPut,
  },
  {
    name: 'forget-lists-again',
    prevents: 'a put that landed after the look stays behind the receipt',
    conditions: WITHOUT_TEMPORAL,
    without: [{ file: FILE, from: 'pass = await eraseForgotten({ scope });', to: 'break;' }],
    scenario: forgetBesideAPut,
  },
];

import { once } from 'node:events';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { describe, expect, it } from 'vitest';
import { tierActivities } from '../../src/activities/server-tiers.js';
import type { MaintenanceContext } from '../../src/maintenance/index.js';
import { temporaryFolder } from '../reader/support.js';

type Activities = ReturnType<typeof tierActivities>;

/** Waits for the signal that an activity was to hand on. Doubles, because what a stop does in the real store is told in its own tests. */
async function untilRaised(signal: AbortSignal | undefined): Promise<never> {
  if (signal === undefined) expect.fail('no signal was handed on');
  if (!signal.aborted) await once(signal, 'abort');
  throw signal.reason;
}

async function waitingActivities(): Promise<Activities> {
  const store = {
    openMove: (_asOf: number, _limit: number, signal?: AbortSignal) => untilRaised(signal),
    openCold: (_asOf: number, _partition: unknown, _limit: number, signal?: AbortSignal) =>
      untilRaised(signal),
    tierPause: () => Promise.resolve(undefined),
    isSearched: () => false,
    closeExpiredOperations: () => Promise.resolve(0),
    sweepRows: (_options: unknown, signal?: AbortSignal) => untilRaised(signal),
  };
  const maintenance = {
    store,
    scratch: await temporaryFolder(),
    now: Date.now,
  } as unknown as MaintenanceContext;
  return tierActivities({ maintenance, clock: Date.now });
}

describe('a worker that is told to stop', () => {
  it.each<[string, (activities: Activities) => Promise<unknown>]>([
    ['a move to warm', ({ moveToWarm }) => moveToWarm({ asOf: 0 })],
    [
      'a move to cold',
      ({ moveToCold }) =>
        moveToCold({ asOf: 0, partition: { systemId: 'host-1', year: 2026, month: 1, rows: 1 } }),
    ],
    ['a sweep', ({ sweep }) => sweep()],
  ])('tells %s', async (_, run) => {
    const activities = await waitingActivities();
    const environment = new MockActivityEnvironment(
      { heartbeatTimeoutMs: 10_000 },
      { logger: new DefaultLogger('ERROR') },
    );
    setTimeout(() => environment.cancel('WORKER_SHUTDOWN'), 20);
    await expect(environment.run(() => run(activities))).rejects.toMatchObject({ name: 'CancelledFailure' });
  });
});

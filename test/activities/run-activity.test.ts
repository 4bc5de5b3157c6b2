import { setTimeout as sleep } from 'node:timers/promises';
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { describe, expect, it } from 'vitest';
import { retryAfter, runActivity, tellWorkflow } from '../../src/activities/run-activity.js';
import { AkoshaError } from '../../src/contract/index.js';

/** Every fault below is meant. */
const QUIET = new DefaultLogger('ERROR');

const thrownBy = async (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => expect.fail('it did not throw'),
    (error: unknown) => error,
  );

describe('runActivity', () => {
  const environment = (heartbeatTimeoutMs = 300): MockActivityEnvironment =>
    new MockActivityEnvironment({ heartbeatTimeoutMs }, { logger: QUIET });

  it('sends heartbeats with the latest step while the work goes on, and none after it', async () => {
    const beats: unknown[] = [];
    const env = environment(60);
    env.on('heartbeat', (details: unknown) => beats.push(details));
    const result = await env.run(() =>
      runActivity(async ({ report }) => {
        await sleep(50);
        report({ step: 'read', done: 1 });
        await sleep(100);
        return 'done';
      }),
    );
    expect(result).toBe('done');
    expect(beats[0]).toEqual({ step: 'start' });
    expect(beats.at(-1)).toEqual({ step: 'read', done: 1 });
    const sent = beats.length;
    await sleep(100);
    expect(beats).toHaveLength(sent);
  });

  it.each([
    ['ObjectStoreUnavailable', false],
    ['NothingToUpload', true],
    // A pool that closes under a call says so; another worker can take the work.
    ['Cancelled', false],
  ] as const)('makes of %s a failure of that type, to be retried or not', async (type, nonRetryable) => {
    const cause = new Error('socket hang up');
    const error = await thrownBy(
      environment().run(() =>
        runActivity(() =>
          Promise.reject(new AkoshaError(type, 'it failed', { cause, details: { key: 'a' } })),
        ),
      ),
    );
    expect(error).toBeInstanceOf(ApplicationFailure);
    expect(error).toMatchObject({ type, nonRetryable, message: 'it failed', details: [{ key: 'a' }], cause });
  });

  it('has Temporal wait as long as whoever raised the error wants', async () => {
    const later = new AkoshaError('ObjectStoreUnavailable', 'away');
    const failWith = (error: Error, waitMs: number): Promise<unknown> =>
      thrownBy(
        environment().run(() =>
          runActivity(() => {
            retryAfter(error, waitMs);
            return Promise.reject(error);
          }),
        ),
      );
    const error = await failWith(later, 45_000);
    expect(error).toMatchObject({ type: 'ObjectStoreUnavailable', nextRetryDelay: 45_000 });
    const soon = await failWith(new AkoshaError('ObjectCorrupt', 'odd'), -5);
    expect(soon).toMatchObject({ type: 'ObjectCorrupt', nextRetryDelay: undefined });
  });

  it('is not disturbed by a signal that cannot be sent', async () => {
    // This environment has no client to send it with.
    const told = environment().run(() =>
      runActivity(async () => {
        tellWorkflow('transferProgress', { bytes: 1 });
        await sleep(10);
        return 'done';
      }),
    );
    expect(await told).toBe('done');
  });

  it('leaves any other error as it is, to be retried', async () => {
    const fault = new TypeError('a bug');
    expect(await thrownBy(environment().run(() => runActivity(() => Promise.reject(fault))))).toBe(fault);
  });

  it.each(['CANCELLED', 'WORKER_SHUTDOWN'] as const)(
    'raises the signal at %s, and answers with Temporal’s own reason',
    async (reason) => {
      const env = environment();
      const running = env.run(() =>
        runActivity(async ({ signal }) => {
          await sleep(60_000, undefined, { signal }).catch(() => undefined);
          throw new AkoshaError('Cancelled', 'the caller gave up');
        }),
      );
      setTimeout(() => env.cancel(reason), 20);
      const error = await thrownBy(running);
      expect(error).toBeInstanceOf(CancelledFailure);
      expect(error).toMatchObject({ message: reason });
    },
  );

  it('refuses an activity whose options promise no heartbeat', async () => {
    const env = environment(0);
    await expect(env.run(() => runActivity(() => Promise.resolve()))).rejects.toThrow('heartbeat timeout');
  });
});

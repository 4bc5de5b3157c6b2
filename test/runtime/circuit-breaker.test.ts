import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import { AkoshaError } from '../../src/contract/index.js';
import { CircuitBreaker, CircuitBreakers, type CircuitBreakerStatus } from '../../src/runtime/index.js';

const OPEN_MS = 60_000;

describe('a circuit breaker', () => {
  let time: number;
  let changes: CircuitBreakerStatus[];
  let breaker: CircuitBreaker;

  beforeEach(() => {
    time = 1_000_000;
    changes = [];
    breaker = new CircuitBreaker({
      name: 'webhook',
      now: () => time,
      onChange: (status) => changes.push(status),
    });
  });

  const answers = () => breaker.run(() => Promise.resolve('answer'));
  const fails = () => breaker.run(() => Promise.reject(new Error('connection refused')));
  const failTimes = async (times: number): Promise<void> => {
    for (let failure = 0; failure < times; failure++) await expect(fails()).rejects.toThrow('refused');
  };

  it('lets calls through and hands over what they answer', async () => {
    expect(await answers()).toBe('answer');
    expect(breaker.status()).toEqual({
      name: 'webhook',
      state: 'closed',
      failures: 0,
      lastFailure: null,
      lastFailureAt: null,
      openedAt: null,
      retryAt: null,
      calls: { succeeded: 1, failed: 0, refused: 0 },
      openings: 0,
    });
  });

  it('opens at the fifth failure in a row, and not at five of more', async () => {
    for (let round = 0; round < 10; round++) {
      await failTimes(4);
      await answers();
    }
    expect(breaker.status()).toMatchObject({ state: 'closed', failures: 0, openings: 0 });
    await failTimes(5);
    expect(breaker.status()).toMatchObject({
      state: 'open',
      failures: 5,
      lastFailure: 'connection refused',
      openedAt: time,
      retryAt: time + OPEN_MS,
      openings: 1,
    });
    expect(changes.map(({ state }) => state)).toEqual(['open']);
  });

  it('makes no call while it is open, and says until when and why', async () => {
    await failTimes(5);
    time += OPEN_MS - 1;
    let called = false;
    const refused = breaker.run(() => Promise.resolve((called = true)));
    await expect(refused).rejects.toMatchObject({
      type: 'ObjectStoreUnavailable',
      message: expect.stringMatching(
        /^webhook is not called: .* after 5 failed calls .*connection refused.* tries again at 1970-01-01T00:17:40\.000Z$/,
      ),
      details: { circuitBreaker: 'webhook', failures: 5, retryAt: '1970-01-01T00:17:40.000Z' },
    });
    expect(called).toBe(false);
    expect(breaker.status().calls).toEqual({ succeeded: 0, failed: 5, refused: 1 });
  });

  it('lets one call of many try after 60 s, and all when that one succeeded', async () => {
    await failTimes(5);
    time += OPEN_MS;
    expect(breaker.status()).toMatchObject({ state: 'half_open', retryAt: null });
    let finish: (() => void) | undefined;
    const trial = breaker.run(() => new Promise<void>((resolve) => (finish = resolve)));
    const others = await Promise.allSettled(Array.from({ length: 50 }, answers));
    expect(others.filter(({ status }) => status === 'fulfilled')).toHaveLength(0);
    finish?.();
    await trial;
    expect(breaker.status()).toMatchObject({ state: 'closed', failures: 0, openedAt: null });
    expect(await answers()).toBe('answer');
    expect(changes.map(({ state }) => state)).toEqual(['open', 'closed']);
  });

  it('stays open for another 60 s when the trial failed', async () => {
    await failTimes(5);
    time += OPEN_MS;
    await failTimes(1);
    expect(breaker.status()).toMatchObject({
      state: 'open',
      failures: 6,
      retryAt: time + OPEN_MS,
      openings: 2,
    });
    await expect(answers()).rejects.toThrow('is not called');
  });

  it('lets the next call try when the trial’s caller gave up', async () => {
    await failTimes(5);
    time += OPEN_MS;
    const call = breaker.begin();
    expect(call.isTrial).toBe(true);
    call.dropped();
    expect(await answers()).toBe('answer');
    expect(breaker.status().state).toBe('closed');
  });

  it('forgets a trial of which nobody told the end', async () => {
    await failTimes(5);
    time += OPEN_MS;
    breaker.begin();
    await expect(answers()).rejects.toThrow('is not called');
    time += OPEN_MS;
    expect(await answers()).toBe('answer');
  });

  it('learns nothing from a call that began before it opened or closed', async () => {
    const old = [breaker.begin(), breaker.begin()];
    await failTimes(5);
    old[0]?.succeeded();
    expect(breaker.status().state).toBe('open');
    time += OPEN_MS;
    await answers();
    old[1]?.failed('late');
    expect(breaker.status()).toMatchObject({ state: 'closed', failures: 0 });
  });

  it('counts each call once, however often its end is told', () => {
    const call = breaker.begin();
    call.failed('first');
    call.failed('second');
    call.succeeded();
    expect(breaker.status()).toMatchObject({ failures: 1, lastFailure: 'first' });
    expect(breaker.status().calls).toEqual({ succeeded: 0, failed: 1, refused: 0 });
  });

  it('takes a refusal for an answer, and a cancelled call for none', async () => {
    await failTimes(4);
    const cancelled = breaker.run(() => Promise.reject(new AkoshaError('Cancelled', 'the caller gave up')));
    await expect(cancelled).rejects.toThrow('gave up');
    expect(breaker.status().failures).toBe(4);
    const refused = breaker.run(() => Promise.reject(new AkoshaError('ObjectStoreRefused', 'HTTP 403')));
    await expect(refused).rejects.toThrow('403');
    expect(breaker.status()).toMatchObject({ failures: 0, calls: { succeeded: 1 } });
  });

  it('takes a full disk of this machine for no failure of the remote', async () => {
    await failTimes(4);
    const full = breaker.run(() => Promise.reject(new AkoshaError('DiskFull', 'no space is left')));
    await expect(full).rejects.toThrow('no space');
    expect(breaker.status().state).toBe('closed');
  });

  it('judges errors as its maker says', async () => {
    const picky = new CircuitBreaker({ name: 'x', failuresToOpen: 1, isFailure: () => false });
    await expect(picky.run(() => Promise.reject(new Error('an answer')))).rejects.toThrow('an answer');
    expect(picky.status().state).toBe('closed');
  });

  it('gives up on a call that takes too long, and tells the call', async () => {
    const hasty = new CircuitBreaker({
      name: 'temporal',
      callMs: 20,
      unavailable: 'OrchestratorUnavailable',
    });
    let told: unknown;
    const call = hasty.run(async (signal) => {
      await sleep(10_000, undefined, { signal }).catch(() => undefined);
      told = signal.reason;
    });
    await expect(call).rejects.toMatchObject({
      type: 'OrchestratorUnavailable',
      message: 'temporal did not answer within 0.02 s',
    });
    expect(told).toBeInstanceOf(AkoshaError);
    expect(hasty.status()).toMatchObject({ failures: 1, calls: { failed: 1 } });
  });

  it('makes a probe although it is open, and closes at once with its answer', async () => {
    await failTimes(5);
    const probe = (work: () => Promise<unknown>) => breaker.run(work, { evenIfOpen: true });
    const old = breaker.run(() => sleep(20), { evenIfOpen: true });
    time += OPEN_MS - 1;
    await expect(probe(() => Promise.reject(new Error('still away')))).rejects.toThrow('still away');
    expect(breaker.status()).toMatchObject({
      state: 'open',
      failures: 5,
      retryAt: time + 1,
      lastFailure: 'still away',
      calls: { failed: 6 },
      openings: 1,
    });
    await expect(answers()).rejects.toThrow('is not called');
    await old;
    expect(breaker.status()).toMatchObject({ state: 'closed', failures: 0 });
    expect(await answers()).toBe('answer');
  });

  it('lets no probe bar the way of the call that tries', async () => {
    await failTimes(5);
    time += OPEN_MS;
    const trial = breaker.begin();
    await expect(breaker.run(() => Promise.reject(new Error('no')), { evenIfOpen: true })).rejects.toThrow(
      'no',
    );
    await expect(answers()).rejects.toThrow('is not called');
    trial.succeeded();
    expect(breaker.status()).toMatchObject({ state: 'closed', openings: 1 });
  });

  it('opens by probes that fail too', async () => {
    await failTimes(3);
    for (let failure = 0; failure < 2; failure++) {
      await expect(breaker.run(() => Promise.reject(new Error('no')), { evenIfOpen: true })).rejects.toThrow(
        'no',
      );
    }
    expect(breaker.status()).toMatchObject({ state: 'open', failures: 5 });
  });

  describe('where health checks are answered', () => {
    const check = () => breaker.run(() => Promise.resolve('here'), { evenIfOpen: true, isHealthCheck: true });
    const failedCheck = () =>
      breaker.run(() => Promise.reject(new Error('nobody')), { evenIfOpen: true, isHealthCheck: true });

    it('opens by calls that fail between them, is closed by them once, and then by a call alone', async () => {
      for (let failure = 0; failure < 5; failure++) {
        await check();
        await failTimes(1);
      }
      expect(breaker.status()).toMatchObject({ state: 'open', openings: 1 });
      await check();
      expect(breaker.status().state).toBe('closed');
      await failTimes(5);
      for (let checks = 0; checks < 100; checks++) await check();
      expect(breaker.status()).toMatchObject({ state: 'open', failures: 5, openings: 2 });
      time += OPEN_MS;
      await answers();
      expect(breaker.status()).toMatchObject({ state: 'closed', failures: 0 });
      // From here on they are believed again.
      await failTimes(5);
      await check();
      expect(breaker.status().state).toBe('closed');
    });

    it('is closed by them after each outage that they see too', async () => {
      for (let outage = 0; outage < 3; outage++) {
        await failTimes(5);
        await expect(failedCheck()).rejects.toThrow('nobody');
        await check();
        expect(breaker.status()).toMatchObject({ state: 'closed', failures: 0, openings: outage + 1 });
      }
    });

    it('counts no failures of before an outage that they saw end', async () => {
      await failTimes(3);
      await expect(failedCheck()).rejects.toThrow('nobody');
      await check();
      await failTimes(4);
      expect(breaker.status()).toMatchObject({ state: 'closed', failures: 4 });
    });
  });

  it('gives an untimed call any time, and learns nothing from one that waited for others', async () => {
    const hasty = new CircuitBreaker({ name: 'temporal', callMs: 5, failuresToOpen: 1 });
    expect(await hasty.run(() => sleep(30, 'late'), { untimed: true })).toBe('late');
    const silent = hasty.run(() => Promise.reject(new Error('nobody works')), { waitsForOthers: true });
    await expect(silent).rejects.toThrow('nobody works');
    expect(hasty.status()).toMatchObject({ state: 'closed', calls: { succeeded: 1, failed: 0 } });
  });

  it('hands on the signal of its caller, whose giving up is no failure', async () => {
    const controller = new AbortController();
    const call = breaker.run((signal) => sleep(10_000, undefined, { signal }), { signal: controller.signal });
    controller.abort();
    await expect(call).rejects.toMatchObject({ name: 'AbortError' });
    expect(breaker.status()).toMatchObject({ failures: 0, calls: { succeeded: 0, failed: 0, refused: 0 } });
  });
});

describe('the circuit breakers of a process', () => {
  it('are one for each name, told in the order of their making', async () => {
    const changed: string[] = [];
    const breakers = new CircuitBreakers({ onChange: ({ name, state }) => changed.push(`${name} ${state}`) });
    const store = breakers.of({ name: 'object-store', failuresToOpen: 1 });
    breakers.of({ name: 'http' });
    expect(breakers.of({ name: 'object-store' })).toBe(store);
    await expect(store.run(() => Promise.reject(new Error('away')))).rejects.toThrow('away');
    expect(breakers.statuses().map(({ name, state }) => `${name} ${state}`)).toEqual([
      'object-store open',
      'http closed',
    ]);
    expect(changed).toEqual(['object-store open']);
  });
});

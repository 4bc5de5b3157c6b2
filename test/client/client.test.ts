import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type Server } from 'node:net';
import { ApplicationFailure } from '@temporalio/common';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it, onTestFinished, vi } from 'vitest';
import { createAkoshaClient } from '../../src/client/index.js';
import { AkoshaError, SEARCH_ATTRIBUTES } from '../../src/contract/index.js';
import { CircuitBreakers } from '../../src/runtime/index.js';
import { freePort } from '../../src/servers/index.js';
import {
  createNamespace,
  eventually,
  failure,
  gate,
  RETENTION,
  snapshotOf,
  walked,
} from '../support/temporal.js';
import type { RunningWorkers, TestNamespace } from '../support/temporal.js';

/** What a call throws; it fails the test if it does not. */
const thrownBy = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => expect.fail('it did not throw'),
    (error: unknown) => error,
  );

/** Has a port lead to Temporal: what listens there after nobody did. */
async function forward(port: number, address: string): Promise<Server> {
  const [host, target] = address.split(':');
  const server = createServer((near) => {
    const far = connect(Number(target), host);
    near.pipe(far).pipe(near);
    for (const [one, other] of [[near, far] as const, [far, near] as const]) {
      one.on('error', () => other.destroy());
    }
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

describe('the client', () => {
  let temporal: TestNamespace;
  let workers: RunningWorkers | undefined;

  beforeAll(async () => {
    temporal = await createNamespace(inject('temporal').address);
  });
  afterEach(async () => {
    vi.unstubAllEnvs();
    await workers?.stop();
    workers = undefined;
  });
  afterAll(() => temporal.close());

  it('takes address and namespace from Temporal’s environment where it is given none', async () => {
    vi.stubEnv('TEMPORAL_ADDRESS', temporal.address);
    vi.stubEnv('TEMPORAL_NAMESPACE', temporal.namespace);
    const client = createAkoshaClient();
    try {
      expect(client.connection).toMatchObject({ address: temporal.address, namespace: temporal.namespace });
      expect(await client.isReachable(5_000)).toBe(true);
    } finally {
      await client.close();
    }
  });

  it('names the address and its setting where nobody answers, and after five times asks only whether somebody does', async () => {
    const port = await freePort();
    const address = `127.0.0.1:${port}`;
    const breakers = new CircuitBreakers();
    const client = createAkoshaClient({ address, namespace: temporal.namespace, breakers });
    const breaker = () => breakers.statuses()[0];
    try {
      const started = Date.now();
      expect(await client.isReachable(500)).toBe(false);
      expect(Date.now() - started).toBeLessThan(2_000);
      const requests = Array.from({ length: 4 }, () => thrownBy(client.requestSync('nobody')));
      const [error] = await Promise.all(requests);
      // No try is made after the ten seconds that a request may take.
      expect(Date.now() - started).toBeLessThan(14_000);
      expect(error).toBeInstanceOf(AkoshaError);
      expect(error).toMatchObject({
        type: 'OrchestratorUnavailable',
        permanent: false,
        details: { address },
      });
      expect(error).toMatchObject({ message: expect.stringContaining(address) });
      expect(error).toMatchObject({ message: expect.stringContaining('TEMPORAL_ADDRESS') });
      expect(breaker()).toMatchObject({
        name: 'temporal',
        state: 'open',
        failures: 5,
        lastFailure: expect.stringContaining(address),
      });

      const refused = Date.now();
      expect(await thrownBy(client.agentIsPolling('nobody'))).toMatchObject({
        type: 'OrchestratorUnavailable',
        message: expect.stringMatching(/^temporal is not called: its circuit breaker opened/),
      });
      expect(Date.now() - refused).toBeLessThan(1_000);
      await client.lookAgain();
      expect(breaker()).toMatchObject({ state: 'open', openings: 1, calls: { refused: 1 } });
      const back = await forward(port, temporal.address);
      onTestFinished(() => void back.close());
      // gRPC makes its next try to connect within two seconds.
      await eventually(async () => {
        await client.lookAgain();
        expect(breaker()).toMatchObject({ state: 'closed', failures: 0 });
      });
      expect(await client.agentIsPolling('nobody')).toBe(false);
    } finally {
      await client.close();
    }
  });

  it('takes for an answer what Temporal says of a request, and for nothing what a worker does not', async () => {
    const { client } = temporal;
    const failed = () => client.connection.breaker.status().calls.failed;
    const failures = failed();
    expect(await thrownBy(client.progress('no-such-workflow'))).toMatchObject({ type: 'BadRequest' });
    workers = await temporal.runWorkers({
      agents: {
        away: {
          deliverUpload: () =>
            Promise.reject(ApplicationFailure.nonRetryable('away for a worker', 'OrchestratorUnavailable')),
        },
      },
    });
    const run = await client.requestSync('away');
    expect(await thrownBy(run.result())).toMatchObject({ message: 'away for a worker' });
    expect(failed()).toBe(failures);
    expect(client.connection.breaker.status()).toMatchObject({ state: 'closed', failures: 0 });
  });

  it('closes while a request waits for its next try, and then makes none', async () => {
    const uncaught = vi.fn();
    process.once('uncaughtException', uncaught);
    const client = createAkoshaClient({ address: `127.0.0.1:${await freePort()}` });
    const request = thrownBy(client.requestSync('nobody'));
    await new Promise((resolve) => setTimeout(resolve, 400));
    await client.close();
    expect(await request).toMatchObject({ type: 'OrchestratorUnavailable' });
    expect(await thrownBy(client.requestSync('nobody'))).toMatchObject({ type: 'Cancelled' });
    // The longest pause before a next try.
    await new Promise((resolve) => setTimeout(resolve, 1_200));
    process.off('uncaughtException', uncaught);
    expect(uncaught).not.toHaveBeenCalled();
  });

  it('says so where the namespace does not exist', async () => {
    const client = createAkoshaClient({ address: temporal.address, namespace: 'no-such-namespace' });
    try {
      expect(await client.isReachable(5_000)).toBe(false);
      expect(await thrownBy(client.requestSync('x'))).toMatchObject({
        type: 'SettingsInvalid',
        message: expect.stringContaining('no-such-namespace'),
      });
    } finally {
      await client.close();
    }
  });

  it('adds the search attributes that a server lacks, and no other', async () => {
    const namespace = `bare-${randomUUID().slice(0, 8)}`;
    const { workflowService, operatorService } = temporal.client.connection.temporal.connection;
    await workflowService.registerNamespace({
      namespace,
      workflowExecutionRetentionPeriod: RETENTION,
    });
    const client = createAkoshaClient({ address: temporal.address, namespace });
    try {
      const added = await eventually(() => client.ensureSearchAttributes(), 30_000);
      expect(added.sort()).toEqual(Object.values(SEARCH_ATTRIBUTES).sort());
      await eventually(async () => {
        const { customAttributes } = await operatorService.listSearchAttributes({ namespace });
        expect(Object.keys(customAttributes).sort()).toEqual(Object.values(SEARCH_ATTRIBUTES).sort());
      }, 30_000);
      expect(await client.ensureSearchAttributes()).toEqual([]);
    } finally {
      await client.close();
    }
  });

  it('knows whether an agent polls', async () => {
    expect(await temporal.client.agentIsPolling('polling')).toBe(false);
    workers = await temporal.runWorkers({ agents: { polling: {} } });
    await eventually(async () => expect(await temporal.client.agentIsPolling('polling')).toBe(true));
    expect(await temporal.client.agentIsPolling('another')).toBe(false);
  });

  it('gives a result as often as it is asked for', async () => {
    workers = await temporal.runWorkers({ agents: { patient: {} } });
    const run = await temporal.client.requestSync('patient');
    const first = await run.result();
    expect(await run.result()).toEqual(first);
  });

  it('gives the error that a workflow failed with, and that of one that was stopped', async () => {
    const reached = gate();
    const ended = gate();
    workers = await temporal.runWorkers({
      agents: {
        failing: {
          deliverUpload: () => Promise.reject(failure('ObjectStoreRefused', 'no permission to put')),
        },
        stopped: {
          takeSnapshot: async () => {
            reached.open();
            await ended.opened;
            return snapshotOf('late');
          },
        },
      },
    });
    const failing = await temporal.client.requestSync('failing');
    expect(await thrownBy(failing.result())).toMatchObject({
      type: 'ObjectStoreRefused',
      message: 'no permission to put',
      details: { why: 'test' },
    });
    const stopped = await temporal.client.requestSync('stopped');
    await reached.opened;
    await temporal.client.connection.temporal.workflow
      .getHandle('upload/stopped')
      .terminate('by an operator');
    ended.open();
    expect(await thrownBy(stopped.result())).toMatchObject({
      message: expect.stringContaining('by an operator'),
    });
  });

  it('asks for a run of its own each time a person does', async () => {
    workers = await temporal.runWorkers({});
    const runs = [
      await temporal.client.runDailyIngest(),
      await temporal.client.runDailyIngest({ wait: true }),
      await temporal.client.runTierTransition({ all: true }),
      await temporal.client.runTierTransition({ asOf: '2026-11-22T12:00:00Z' }),
    ];
    await Promise.all(runs.map((run) => run.result()));
    expect(new Set(runs.map(({ workflowId }) => workflowId)).size).toBe(4);
    expect(runs[3]?.workflowId).toMatch(/^tier-transition\/manual\//);
  });

  it('joins a triggered walk that still runs, of all or of the same system, and starts anew once it is through', async () => {
    const asked: (string | undefined)[] = [];
    const held = gate();
    workers = await temporal.runWorkers({
      store: {
        walkPortion: async (input) => {
          asked.push(input.systemId);
          await held.opened;
          return walked({ seen: 1, added: 0, at: 1 });
        },
      },
    });
    const { client } = temporal;
    const [all, again] = [await client.triggerIngest(), await client.triggerIngest()];
    const one = await client.triggerIngest('laptop');
    expect(again.runId).toBe(all.runId);
    expect(one.workflowId).not.toBe(all.workflowId);
    await eventually(() => {
      expect(asked.toSorted()).toEqual(['laptop', undefined]);
    });
    held.open();
    expect(await again.result()).toEqual({ seen: 1, added: 0 });
    await one.result();
    const later = await client.triggerIngest();
    expect(later.runId).not.toBe(all.runId);
    await later.result();
  });
});

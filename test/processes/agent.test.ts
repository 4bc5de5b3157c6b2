import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it, onTestFinished } from 'vitest';
import { loadSettings } from '../../src/config/index.js';
import { openObjectStore } from '../../src/objects/index.js';
import { startAgent, type AgentProcess } from '../../src/processes/agent.js';
import { freePort } from '../../src/servers/index.js';
import { createLog } from '../../src/telemetry/index.js';
import { outboxStatus, writeRequest, type OutboxStatus } from '../../src/upload/index.js';
import { s3Url, temporaryFolder } from '../objects/stores.js';
import { makeDatabase } from '../support/databases.js';
import { startWebhookReceiver } from '../support/webhook-receiver.js';
import { createNamespace, eventually, type RunningWorkers, type TestNamespace } from '../support/temporal.js';

interface TestAgent {
  agent: AgentProcess;
  dataDir: string;
}

/** An agent of a host with one small database, whose object store is a folder. */
async function start(
  systemId: string,
  place: { address: string; namespace: string },
  env: Record<string, string> = {},
): Promise<TestAgent> {
  const dataDir = await temporaryFolder();
  const database = join(dataDir, 'notes.duckdb');
  await makeDatabase(
    database,
    'CREATE TABLE conversations_v2(id VARCHAR, content VARCHAR)',
    // Random, so that compression does not shrink it.
    `INSERT INTO conversations_v2 SELECT range::VARCHAR, md5(random()::VARCHAR) FROM range(3000)`,
  );
  const settings = loadSettings({
    cwd: dataDir,
    env: {
      HOME: dataDir,
      AKOSHA_DATA_DIR: dataDir,
      AKOSHA_DATABASES: database,
      AKOSHA_SYSTEM_ID: systemId,
      ...env,
    },
  });
  const agent = await startAgent({
    settings,
    log: createLog({ level: 'silent', format: 'json' }),
    connectionOptions: { address: place.address },
    namespace: place.namespace,
  });
  onTestFinished(() => agent.stop());
  return { agent, dataDir };
}

const lastSync = (dataDir: string, withinMs = 30_000): Promise<NonNullable<OutboxStatus['last_sync']>> =>
  eventually(() => {
    const { last_sync: last, pending } = outboxStatus(dataDir);
    if (last === null || pending.uploads + pending.requests > 0) throw new Error('not delivered yet');
    return last;
  }, withinMs);

describe('with Temporal at hand', () => {
  let temporal: TestNamespace;
  let workers: RunningWorkers | undefined;

  beforeAll(async () => {
    temporal = await createNamespace(inject('temporal').address);
  });
  afterEach(async () => {
    await workers?.stop();
    workers = undefined;
  });
  afterAll(() => temporal.close());

  it('has a session’s request carried out by the workflow', async () => {
    workers = await temporal.runWorkers({});
    const receiver = await startWebhookReceiver();
    onTestFinished(() => receiver.close());
    // The first try at a notice fails, and the next is Temporal's.
    receiver.script.push(503);
    const { agent, dataDir } = await start('handing', temporal, {
      AKOSHA_WEBHOOK_URL: receiver.url,
      AKOSHA_WEBHOOK_SECRET: 'a secret of both sides',
    });
    await eventually(() => expect(agent.working).toBe(true));
    const begun = performance.now();
    writeRequest(dataDir, { trigger: 'session-end' });
    const { upload_id: uploadId } = await lastSync(dataDir);
    expect(performance.now() - begun).toBeLessThan(9_000);
    const run = temporal.client.connection.temporal.workflow.getHandle('upload/handing');
    expect(await run.result()).toMatchObject({ status: 'delivered', uploadId, method: 'cloud' });
    const events = (await run.fetchHistory()).events ?? [];
    expect(events.some((event) => event.workflowExecutionSignaledEventAttributes)).toBe(true);
    const steps = events.map((event) => event.activityTaskScheduledEventAttributes?.activityType?.name);
    expect(steps.filter((step) => step === 'sendNotices')).toHaveLength(1);
    const bodies = receiver.received.map(({ body }): unknown => JSON.parse(body));
    expect(bodies).toHaveLength(2);
    expect(bodies[1]).toEqual(bodies[0]);
    expect(bodies[0]).toMatchObject({ event: 'sync.completed', upload_id: uploadId, method: 'cloud' });
  });

  it('shows the bytes of a transfer, and clears it away when somebody cancels the workflow', async () => {
    workers = await temporal.runWorkers({});
    // At this rate the sixty kilobytes take a minute.
    const url = s3Url();
    const slow = { AKOSHA_UPLOAD_KB_PER_SECOND: '1', AKOSHA_OBJECT_STORE: url };
    const { dataDir } = await start('cancelled', temporal, slow);
    writeRequest(dataDir, { trigger: 'session-end' });
    const run = temporal.client.connection.temporal.workflow.getHandle('upload/cancelled');
    await eventually(
      () => expect(outboxStatus(dataDir).in_progress).toMatchObject([{ step: 'files' }]),
      30_000,
    );
    await eventually(async () => {
      const { bytes, totalBytes } = await temporal.client.progress('upload/cancelled');
      expect(bytes).toBeGreaterThan(0);
      expect(totalBytes).toBeGreaterThan(bytes ?? 0);
    }, 30_000);
    await run.cancel();
    await expect(run.result()).rejects.toThrow();
    expect(outboxStatus(dataDir).pending).toEqual({ requests: 0, uploads: 0, bytes: 0 });
    const store = await openObjectStore(url);
    const keys: string[] = [];
    for await (const { objects } of store.list('')) keys.push(...objects.map(({ key }) => key));
    await store.close();
    expect(keys).toEqual([]);
  }, 60_000);
});

describe('without Temporal', () => {
  it('uploads by itself once that has been away for ten seconds', async () => {
    const place = { address: `127.0.0.1:${await freePort()}`, namespace: 'default' };
    const { agent, dataDir } = await start('alone', place);
    const begun = performance.now();
    writeRequest(dataDir, { trigger: 'session-end' });
    expect(await lastSync(dataDir)).toMatchObject({ status: 'delivered', method: 'cloud', files: 1 });
    expect(performance.now() - begun).toBeGreaterThan(8_000);
    expect(agent.working).toBe(false);
  }, 60_000);

  it('uploads by itself at once where it is set to do without', async () => {
    const nowhere = { address: '127.0.0.1:1', namespace: 'default' };
    const { agent, dataDir } = await start('off', nowhere, { AKOSHA_TEMPORAL: 'off' });
    expect(agent.working).toBe(true);
    writeRequest(dataDir, { trigger: 'session-end' });
    expect(await lastSync(dataDir, 9_000)).toMatchObject({ status: 'delivered' });
  });
});

import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { loadSettings } from '../../src/config/index.js';
import { startAgent } from '../../src/processes/agent.js';
import { freePort } from '../../src/servers/index.js';
import { createLog, createMetrics, renderMetrics } from '../../src/telemetry/index.js';
import { writeRequest } from '../../src/upload/index.js';
import { temporaryFolder } from '../objects/stores.js';
import { makeDatabase } from '../support/databases.js';
import { eventually } from '../support/eventually.js';
import { startWebhookReceiver } from '../support/webhook-receiver.js';

type Agent = Pick<Parameters<typeof startAgent>[0], 'settings' | 'log' | 'connectionOptions' | 'namespace'>;

/** A host with one memory whose agent does without Temporal. */
async function hostOf(env: Record<string, string> = {}): Promise<Agent & { dataDir: string }> {
  const dataDir = await temporaryFolder();
  const database = join(dataDir, 'notes.duckdb');
  await makeDatabase(
    database,
    'CREATE TABLE conversations_v2(id VARCHAR, content VARCHAR)',
    `INSERT INTO conversations_v2 VALUES ('1', 'one')`,
  );
  const settings = loadSettings({
    cwd: dataDir,
    env: {
      HOME: dataDir,
      AKOSHA_DATA_DIR: dataDir,
      AKOSHA_DATABASES: database,
      AKOSHA_SYSTEM_ID: 'counted',
      AKOSHA_TEMPORAL: 'off',
      ...env,
    },
  });
  const log = createLog({ level: 'silent', format: 'json' });
  return { settings, log, connectionOptions: { address: '127.0.0.1:1' }, namespace: 'default', dataDir };
}

async function run(options: Parameters<typeof startAgent>[0]): Promise<void> {
  const agent = await startAgent(options);
  onTestFinished(() => agent.stop());
}

it('an agent tells of its syncs where it is set to, on this machine', async () => {
  const receiver = await startWebhookReceiver();
  onTestFinished(() => receiver.close());
  const port = await freePort();
  const host = await hostOf({
    AKOSHA_METRICS_ADDRESS: String(port),
    AKOSHA_WEBHOOK_URL: receiver.url,
    AKOSHA_WEBHOOK_SECRET: 'a secret of both sides',
  });
  await run(host);
  const scrape = async (): Promise<string> => (await fetch(`http://127.0.0.1:${port}/metrics`)).text();

  const before = await scrape();
  expect(before).toContain('akosha_sync_last_success_timestamp_seconds 0\n');
  expect(before).toContain('akosha_outbox_pending{what="uploads"} 0\n');
  expect(before).toContain('akosha_outbox_oldest_age_seconds 0\n');
  expect(before).not.toContain('akosha_sync_total{');
  expect(before).toContain('akosha_circuit_breaker_state{name="webhook"} 0\n');
  // Of the server's none, which would say 0 of what it does not know.
  expect(before).not.toContain('akosha_ingest');
  expect((await fetch(`http://127.0.0.1:${port}/`)).status).toBe(404);

  const asked = Date.now() / 1000;
  writeRequest(host.dataDir, { trigger: 'session-end' });
  await eventually(
    async () => expect(await scrape()).toContain('akosha_webhook_total{outcome="sent"} 1\n'),
    9_000,
  );
  const after = await scrape();
  expect(after).toContain('akosha_sync_total{outcome="delivered",method="cloud"} 1\n');
  expect(after).toContain('akosha_sync_duration_seconds_count{outcome="delivered"} 1\n');
  expect(Number(/akosha_sync_bytes_total\{method="cloud"\} (\d+)/.exec(after)?.[1])).toBeGreaterThan(100);
  const success = Number(/^akosha_sync_last_success_timestamp_seconds (\S+)/m.exec(after)?.[1]);
  expect(success).toBeGreaterThanOrEqual(asked);
});

it('an agent within another process adds its own to that one’s, and serves none', async () => {
  const port = await freePort();
  const host = await hostOf({ AKOSHA_METRICS_ADDRESS: `127.0.0.1:${port}` });
  const metrics = createMetrics();
  await run({ ...host, metrics });
  expect((await renderMetrics(metrics)).body).toContain('akosha_outbox_pending{what="requests"} 0\n');
  await expect(fetch(`http://127.0.0.1:${port}/metrics`)).rejects.toThrow();
});

it('an agent does not start where its address is taken, and says which setting to change', async () => {
  const taken = await startWebhookReceiver();
  onTestFinished(() => taken.close());
  const host = await hostOf({ AKOSHA_METRICS_ADDRESS: new URL(taken.url).host });
  await expect(startAgent(host)).rejects.toMatchObject({
    type: 'SettingsInvalid',
    message: expect.stringContaining('AKOSHA_METRICS_ADDRESS'),
  });
});

import { createServer } from 'node:net';
import { describe, expect, inject, it, onTestFinished } from 'vitest';
import { createAkoshaClient, type AkoshaClient } from '../../src/client/index.js';
import { loadSettings } from '../../src/config/index.js';
import type { ApiServices } from '../../src/api/index.js';
import { Forgets } from '../../src/processes/forgets.js';
import { createBatchAcceptor } from '../../src/processes/batch-acceptor.js';
import { openEmbedding } from '../../src/processes/embedding.js';
import { openObjectEvents } from '../../src/processes/object-events.js';
import { openRepairs } from '../../src/processes/repairs.js';
import { openServerParts } from '../../src/processes/server-parts.js';
import { serverServices } from '../../src/processes/server-services.js';
import { freePort } from '../../src/servers/index.js';
import { createLog, createMetrics } from '../../src/telemetry/index.js';
import { temporaryFolder } from '../reader/support.js';
import { createNamespace } from '../support/temporal.js';

/** A server's services over a real store, with this client for Temporal. `working`: whether its workers are connected. */
async function servicesWith(client: AkoshaClient, working: boolean): Promise<ApiServices> {
  const home = await temporaryFolder();
  const env = { HOME: home, AKOSHA_DATA_DIR: home, AKOSHA_READER_PROCESSES: '1', AKOSHA_EMBEDDINGS: 'off' };
  const settings = loadSettings({ env, cwd: home });
  const log = createLog({ level: 'silent', format: 'json' });
  const metrics = createMetrics();
  const parts = await openServerParts(settings, log, metrics);
  onTestFinished(() => parts.close());
  return serverServices({
    settings,
    version: '1',
    parts,
    client,
    ingest: client,
    acceptor: createBatchAcceptor(parts, client, { version: '1', log }),
    events: await openObjectEvents({ settings, parts, client, metrics, log }),
    embedding: openEmbedding(parts, { metrics, log }),
    forgets: new Forgets({ forget: parts.forget, client, log }),
    repairs: openRepairs(parts.maintenance, { metrics, log }),
    state: { working, stopping: false, outage: () => undefined },
    onShutdown: () => undefined,
    describe: () => ({}),
  });
}

function clientFor(address: string): AkoshaClient {
  const client = createAkoshaClient({ address, identity: 'test' });
  onTestFinished(() => client.close());
  return client;
}

/** Takes connections and never says anything: what a stopped machine looks like. */
async function silentServer(): Promise<string> {
  const server = createServer();
  const port = await freePort();
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return `127.0.0.1:${port}`;
}

describe('triggering an ingest', () => {
  it.each([
    ['the workers are not connected', false, 500],
    ['Temporal went silent behind connected workers', true, 3_000],
  ])('fails soon and in plain words where %s', async (_case, working, withinMs) => {
    const address = await silentServer();
    const services = await servicesWith(clientFor(address), working);
    const started = performance.now();
    const error: unknown = await services.triggerIngest().catch((fault: unknown) => fault);
    expect(performance.now() - started).toBeLessThan(withinMs);
    expect(error).toMatchObject({
      type: 'OrchestratorUnavailable',
      message: `this server is not connected to Temporal (${address}, namespace default): start it, or set TEMPORAL_ADDRESS to where it is`,
    });
  });

  it('starts a walk, which the next trigger joins', async () => {
    const temporal = await createNamespace(inject('temporal').address);
    onTestFinished(() => temporal.close());
    const services = await servicesWith(temporal.client, true);
    // No worker runs, so the walk does not end.
    const first = await services.triggerIngest();
    expect(first.workflowId).toBe('daily-ingest/manual');
    expect(await services.triggerIngest()).toMatchObject({ runId: first.runId });
    expect(await services.triggerIngest('laptop')).toMatchObject({
      workflowId: 'daily-ingest/manual/laptop',
    });
  });
});

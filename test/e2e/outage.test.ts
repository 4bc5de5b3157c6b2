import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { createAkoshaClient } from '../../src/client/index.js';
import { inboxKey, type OutageReport, type UploadRef } from '../../src/contract/index.js';
import { openObjectStore } from '../../src/objects/index.js';
import { findRunning } from '../../src/runtime/index.js';
import { startTemporalServer, type RunningServer } from '../../src/servers/index.js';
import { originalId, putOriginal } from '../ingest/support.js';
import { SAMPLES } from '../support/databases.js';
import { Program } from '../support/program.js';
import { Receiver, SECRET } from '../support/receiver.js';
import { readStore, type StoreContents } from '../support/store-check.js';
import { createNamespace } from '../support/temporal.js';

const SYSTEMS = 4;
/** A tenth of the default, so that the test does not wait: what follows from ten seconds is the detector's own test. */
const FAST = {
  AKOSHA_OUTAGE_DETECTION_SECONDS: '1',
  AKOSHA_POLL_INTERVAL_SECONDS: '1',
  AKOSHA_EMBEDDINGS: 'off',
};

/** The same uploads for both runs: two of each system, and one that only a walk finds. */
function uploadsOf(round: number): UploadRef[] {
  return Array.from({ length: SYSTEMS }, (_, n) => ({ systemId: `host-${n}`, uploadId: ids[round] ?? '' }));
}
const ids = [originalId(), originalId()];
const UNANNOUNCED: UploadRef = { systemId: 'host-unannounced', uploadId: ids[0] ?? '' };

async function put(program: Program, refs: readonly UploadRef[], announce = true): Promise<void> {
  const graph = gzipSync(await readFile(path.join(SAMPLES, 'knowledge_graph.duckdb')));
  const store = await openObjectStore(`file://${program.dataDir}/objects`);
  for (const ref of refs) {
    await putOriginal(store, ref, { 'knowledge_graph.duckdb.gz': graph });
    if (announce) await store.put(inboxKey(ref), '');
  }
  await store.close();
}

async function ask<T>(program: Program, route: string): Promise<T> {
  const url = (await findRunning(program.dataDir))?.api_url;
  const response = await fetch(`${url}${route}`);
  return (route === '/metrics' ? response.text() : response.json()) as Promise<T>;
}

interface Status {
  mode: string;
  ready: boolean;
  bootstrap: { since: string; done: { ingested: number; transitions: number; walks: number } } | null;
  uploads: Record<string, number>;
}

const done = (program: Program, uploads: number) => (): Promise<boolean> =>
  ask<Status>(program, '/api/v1/status').then(
    (status) => status.uploads['done'] === uploads,
    () => false,
  );

/** The gauge's values, one after the other, for as long as the test runs. */
async function watchMode(program: Program, signal: AbortSignal): Promise<number[]> {
  const seen: number[] = [];
  while (!signal.aborted) {
    const metrics = await ask<string>(program, '/metrics').catch(() => '');
    const value = /^akosha_bootstrap_mode (\d)$/m.exec(metrics)?.[1];
    if (value !== undefined && seen.at(-1) !== Number(value)) seen.push(Number(value));
    await sleep(50);
  }
  return seen;
}

async function finish(program: Program): Promise<StoreContents> {
  await program.age();
  const code = await program.signal('SIGTERM');
  expect(code, await program.tail()).toBe(0);
  return readStore(program.dataDir);
}

/** The same uploads with a Temporal that nothing happens to. */
async function runUndisturbed(): Promise<StoreContents> {
  const temporal = await createNamespace(inject('temporal').address);
  const program = await Program.create({
    ...FAST,
    TEMPORAL_ADDRESS: temporal.address,
    TEMPORAL_NAMESPACE: temporal.namespace,
  });
  try {
    await put(program, [...uploadsOf(0), ...uploadsOf(1), UNANNOUNCED]);
    await program.up();
    await program.waitUntil('through', done(program, 2 * SYSTEMS + 1));
    return await finish(program);
  } finally {
    await program.destroy();
    await temporal.close();
  }
}

describe('Temporal, killed under load and started again', () => {
  const receiver = new Receiver();
  let temporal: RunningServer;
  let program: Program;
  let undisturbed: Promise<StoreContents>;

  beforeAll(async () => {
    program = await Program.create({
      ...FAST,
      AKOSHA_ALERT_WEBHOOK_URL: await receiver.listen(),
      AKOSHA_ALERT_WEBHOOK_SECRET: SECRET,
    });
    temporal = await startTemporalServer({ dataFolder: program.dataDir, uiPort: null });
    program.environment['TEMPORAL_ADDRESS'] = temporal.url;
    await program.up();
    // Beside the other, which mostly waits.
    undisturbed = runUndisturbed();
    undisturbed.catch(() => undefined);
  }, 90_000);

  afterAll(async () => {
    receiver.close();
    await program.destroy();
    await temporal.stop();
  });

  it('changes nothing but who does the work', async () => {
    const watching = new AbortController();
    const mode = watchMode(program, watching.signal);
    await put(program, uploadsOf(0));
    await program.waitUntil('under way', async () => {
      const { uploads } = await ask<Status>(program, '/api/v1/status');
      return (uploads['done'] ?? 0) > 0;
    });
    process.kill(temporal.pid, 'SIGKILL');
    await put(program, uploadsOf(1));
    await put(program, [UNANNOUNCED], false);

    await program.waitUntil('in bootstrap mode', async () => {
      const { mode: now, ready } = await ask<Status>(program, '/api/v1/status');
      return now === 'bootstrap' && ready;
    });
    // In the middle of it the server dies, and comes back with Temporal still away.
    await program.signal('SIGKILL');
    program.launch();
    await program.waitUntil('through with all uploads', done(program, 2 * SYSTEMS + 1));
    await program.waitUntil('through with the transition', async () => {
      const { bootstrap } = await ask<Status>(program, '/api/v1/status');
      return (bootstrap?.done.transitions ?? 0) > 0;
    });
    const { bootstrap } = await ask<Status>(program, '/api/v1/status');
    if (bootstrap === null) expect.fail('the outage is not over');
    expect(bootstrap.done.walks).toBeGreaterThan(0);
    expect(await ask(program, '/ready')).toMatchObject({
      status: 'ready',
      checks: { orchestrator: expect.stringContaining(bootstrap.since) },
    });

    temporal = await startTemporalServer({
      dataFolder: program.dataDir,
      uiPort: null,
      port: temporal.ports['main'] ?? 0,
    });
    await program.waitUntil(
      'told that it is over',
      () => Promise.resolve(receiver.taken.some(({ event }) => event === 'outage.ended')),
      20_000,
    );
    const client = createAkoshaClient({ address: temporal.url });
    const { workflow } = client.connection.temporal;
    const handle = workflow.getHandle<() => Promise<OutageReport>>(`outage/${bootstrap.since}`);
    await program.waitUntil('recorded', () =>
      handle.describe().then(
        () => true,
        () => false,
      ),
    );
    const report = await handle.result();
    const { memo, status } = await handle.describe();
    expect(status.name).toBe('COMPLETED');
    expect(memo).toMatchObject({ begin: bootstrap.since, end: report.end, ...report.totals });
    expect(report.totals).toMatchObject({ found: expect.any(Number), quarantined: 0 });
    expect(report.totals.ingested).toBeGreaterThan(0);
    expect(report.steps.map(({ what }) => what)).toEqual(
      expect.arrayContaining(['ingest', 'walk', 'transition', 'restart']),
    );
    expect(report.samples.length).toBeGreaterThan(1);
    expect(Date.parse(report.end)).toBeGreaterThan(Date.parse(report.start));
    await client.close();

    await program.waitUntil('working', async () => (await ask<Status>(program, '/api/v1/status')).ready);
    watching.abort();
    expect(await mode).toEqual([0, 1, 0]);
    expect(receiver.taken.map(({ event, genuine }) => [event, genuine])).toEqual([
      ['outage.began', true],
      ['outage.ended', true],
    ]);

    const [disturbed, calm] = await Promise.all([finish(program), undisturbed]);
    expect(Object.keys(calm.memories)).toHaveLength((SYSTEMS + 1) * 135);
    expect(disturbed.memories).toEqual(calm.memories);
    expect(disturbed.receiptedNew).toBe(calm.receiptedNew);
    expect(disturbed.unfinished).toBe(0);
    expect(await program.log()).toMatch(/ALERT: Temporal does not answer/);
  }, 120_000);
});

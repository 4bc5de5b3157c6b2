import { mkdir, readdir, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { createAkoshaClient } from '../../src/client/index.js';
import { loadSettings } from '../../src/config/index.js';
import { requestForget } from '../../src/maintenance/index.js';
import { Forgets } from '../../src/processes/forgets.js';
import { createBatchAcceptor } from '../../src/processes/batch-acceptor.js';
import { openEmbedding } from '../../src/processes/embedding.js';
import { openObjectEvents } from '../../src/processes/object-events.js';
import { learnWhatExpired } from '../../src/processes/expired.js';
import { openRepairs } from '../../src/processes/repairs.js';
import { hasOwnClock, openServerParts, type ServerParts } from '../../src/processes/server-parts.js';
import { serverServices } from '../../src/processes/server-services.js';
import { createLog, createMetrics } from '../../src/telemetry/index.js';
import { temporaryFolder } from '../reader/support.js';

function settingsOf(home: string) {
  const env = { HOME: home, AKOSHA_DATA_DIR: home, AKOSHA_READER_PROCESSES: '1', AKOSHA_EMBEDDINGS: 'off' };
  return loadSettings({ env, cwd: home });
}

const silentLog = () => createLog({ level: 'silent', format: 'json' });

function open(home: string): Promise<ServerParts> {
  return openServerParts(settingsOf(home), silentLog(), createMetrics());
}

describe('the parts of a server', () => {
  it('begin with an empty scratch folder, whatever a killed process spilled', async () => {
    const home = await temporaryFolder();
    const left = ['duckdb/duckdb_temp_storage_DEFAULT-0.tmp', 'transit/ingest-1/rows.parquet', 'other'];
    for (const name of left) {
      const file = join(home, 'scratch', name);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, 'left');
      await utimes(file, new Date('2026-01-01'), new Date('2026-01-01'));
    }
    const parts = await open(home);
    expect((await readdir(join(home, 'scratch'), { recursive: true })).sort()).toEqual(['duckdb', 'transit']);
    expect(parts.ingest.scratch).toBe(join(home, 'scratch', 'transit'));
    await parts.close();
  });

  it('are all closed, also where one fails, and the failure is told', async () => {
    const home = await temporaryFolder();
    const parts = await open(home);
    // A fault, injected: a checkpoint fails where the disk is full.
    parts.store.checkpoint = () => Promise.reject(new Error('no space left'));
    await expect(parts.close()).rejects.toThrow('no space left');
    // The lock is free again.
    await (await open(home)).close();
  });
});

describe('what expires', () => {
  it.each([
    ['file:///var/akosha', false],
    ['s3://bucket?endpoint=http://127.0.0.1:9000', false],
    ['s3://bucket?endpoint=http://[::1]:9000', false],
    ['s3://bucket?endpoint=http://localhost:9000', false],
    ['s3://bucket?endpoint=https://storage.example', true],
    ['s3://bucket', true],
  ])('goes by the clock of %s: %s', (url, isIts) => {
    expect(hasOwnClock(url)).toBe(isIts);
  });

  it('is learnt of at the start, once the archive answers, and not after a stop', async () => {
    const home = await temporaryFolder();
    const parts = await open(home);
    onTestFinished(() => parts.close());
    const expiry = {
      ...{
        format_version: 1,
        expiry_id: 'x-1',
        decided_by: 't',
        kept_days: 2_557,
        before_id: 1,
        ended_at: null,
      },
      ...{ decided_at: '2026-11-22T12:00:00Z', cutoff: '2019-11-22T12:00:00Z', memories: {} },
    };
    await parts.archive.put('retention/expired/x-1.json', JSON.stringify(expiry));
    await learnWhatExpired(parts.maintenance, silentLog(), new AbortController().signal);
    expect(await parts.store.expiryIds()).toEqual(['x-1']);
    const stopping = new AbortController();
    // A fault, injected: the archive is away.
    const expiryIds = (): Promise<never> => {
      stopping.abort();
      return Promise.reject(new Error('away'));
    };
    const away = { ...parts.maintenance, store: { ...parts.store, expiryIds } };
    await learnWhatExpired(away, silentLog(), stopping.signal);
    expect(stopping.signal.aborted).toBe(true);
  });
});

describe('a forget', () => {
  it('takes with it what searches keep in memory of texts', async () => {
    const home = await temporaryFolder();
    const parts = await open(home);
    onTestFinished(() => parts.close());
    const dropDerived = vi.spyOn(parts.search, 'dropDerived');
    await requestForget(parts.forget, { scope: 'system', systemId: 'laptop' });
    expect(dropDerived).toHaveBeenCalledOnce();
  });
});

describe('readiness', () => {
  it('goes where a part of the store died', async () => {
    const home = await temporaryFolder();
    const parts = await open(home);
    onTestFinished(() => parts.close());
    const client = createAkoshaClient({
      connectionOptions: { address: '127.0.0.1:1' },
      namespace: 'default',
      identity: 'test',
    });
    onTestFinished(() => client.close());
    const settings = settingsOf(home);
    const services = serverServices({
      settings,
      version: '0',
      parts,
      client,
      ingest: client,
      acceptor: createBatchAcceptor(parts, client, { version: '0', log: silentLog() }),
      events: await openObjectEvents({ settings, parts, client, metrics: createMetrics(), log: silentLog() }),
      embedding: openEmbedding(parts, { metrics: createMetrics(), log: silentLog() }),
      forgets: new Forgets({ forget: parts.forget, client, log: silentLog() }),
      repairs: openRepairs(parts.maintenance, { metrics: createMetrics(), log: silentLog() }),
      state: { working: true, stopping: false, outage: () => undefined },
      onShutdown: () => undefined,
      describe: () => ({}),
    });
    expect(await services.readiness()).toMatchObject({ ready: true, checks: { store: 'ok' } });
    // A fault, injected.
    parts.store.failure = () => new Error('a thread died');
    expect(await services.readiness()).toMatchObject({ ready: false, checks: { store: 'a thread died' } });
    expect(await services.status()).toMatchObject({ ready: false });
  });
});

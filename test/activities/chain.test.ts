import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { ulid } from 'ulid';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createAgentActivities } from '../../src/activities/agent.js';
import { createStoreActivities } from '../../src/activities/server.js';
import {
  inboxKey,
  manifestKey,
  receiptKey,
  type AgentActivities,
  type StoreActivities,
  type UploadRef,
} from '../../src/contract/index.js';
import { forgetIntake, inTurn } from '../../src/ingest/index.js';
import { openObjectStore, type ObjectStore } from '../../src/objects/index.js';
import { hashStored, ReaderPool } from '../../src/reader/index.js';
import { openEmbeddedStore, type MemoryStore } from '../../src/store/index.js';
import { openHost, type OpenHost } from '../../src/upload/index.js';
import { SAMPLES } from '../support/databases.js';

const QUIET = new DefaultLogger('ERROR');
const NOON = Date.parse('2026-11-22T12:00:00Z');
const YEARS_LATER = Date.parse('2030-01-01T00:00:00Z');

/** Each activity in Temporal's own test environment, over the real thing: host, object store, reader, store. */
function inActivity<Activities extends object>(activities: Activities): Activities {
  const wrapped = Object.entries(activities).map(
    ([name, run]: [string, (input: unknown) => Promise<unknown>]) => [
      name,
      (input: unknown) =>
        new MockActivityEnvironment({ heartbeatTimeoutMs: 10_000 }, { logger: QUIET }).run(run, input),
    ],
  );
  return Object.fromEntries(wrapped) as Activities;
}

describe('the activities of the chain', () => {
  let folder: string;
  let uploads: ObjectStore;
  let reader: ReaderPool;
  let store: MemoryStore;
  let host: OpenHost;
  let agent: AgentActivities;
  let server: StoreActivities;
  let nudged: string[];
  let nudge: (systemIds: readonly string[]) => Promise<void>;
  let warnings: string[];
  let ingested: string[];
  let clock: number;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'akosha-activities-'));
    const scratch = join(folder, 'scratch');
    await mkdir(scratch);
    uploads = await openObjectStore(`file://${join(folder, 'objects')}`);
    reader = new ReaderPool({ size: 1, memoryLimitMb: 256, jobTimeoutMs: 60_000 });
    store = await openEmbeddedStore({
      dataFolder: folder,
      archive: uploads,
      policy: { hotDays: 7, warmDays: 90, coldBatchRows: 1000, coldOverdueDays: 7 },
      memoryMb: 256,
      coldCacheBytes: 1 << 20,
      leaseMs: 60_000,
      hashFile: (file) => reader.hashFile(file),
      now: Date.now,
    });
    host = openHost({
      systemId: 'laptop',
      dataDir: folder,
      databases: ['reflection', 'knowledge_graph'].map((name) => join(SAMPLES, `${name}.duckdb`)),
      uploads,
      reader,
      timeZone: 'UTC',
      now: () => NOON,
      // A second upload of the same rows is to be sent here.
      deduplicate: false,
    });
    agent = inActivity(createAgentActivities({ host }));
    const ingest = { store, uploads, reader, scratch, clock: () => clock };
    const maintenance = {
      store,
      archive: uploads,
      scratch,
      batchRows: 200,
      thawedMs: 0,
      longestMs: 0,
      now: Date.now,
    };
    server = inActivity(
      createStoreActivities({
        ingest,
        maintenance,
        forget: { ...maintenance, uploads, intake: forgetIntake(ingest), dropDerived: () => undefined },
        drill: {
          ...{ store, storeFolder: join(folder, 'store'), scratch, now: Date.now },
          openRebuild: () => expect.fail('no drill'),
          rebuild: {
            ...{ uploads, archive: uploads, hashFile: (file) => hashStored(reader, file) },
            readManifest: () => expect.fail('no drill'),
          },
          freeBytes: () => expect.fail('no drill'),
        },
        scrub: { store, archive: uploads, scratch, hashFile: (file) => hashStored(reader, file) },
        retention: { store, uploads, keepMs: 1, now: () => YEARS_LATER, inTurn },
        nudge: (systemIds) => nudge(systemIds),
        clock: () => clock,
        now: Date.now,
        stopping: new AbortController().signal,
        onIngested: (summary) => void ingested.push(summary.status),
        outages: { report: () => expect.fail('no outage'), close: () => expect.fail('no outage') },
        log: { warn: (_details, message) => void warnings.push(message) },
      }),
    );
  });
  beforeEach(() => {
    clock = NOON;
    nudged = [];
    warnings = [];
    ingested = [];
    nudge = (systemIds) => {
      nudged.push(...systemIds);
      return Promise.resolve();
    };
  });
  afterAll(async () => {
    await store.close();
    host.close();
    await reader.close();
    await uploads.close();
    await rm(folder, { recursive: true, force: true });
  });

  const newRef = (): UploadRef => ({ systemId: 'laptop', uploadId: ulid() });

  const deliver = async (ref: UploadRef): Promise<void> => {
    await agent.takeSnapshot(ref);
    await agent.deliverUpload(ref);
    await agent.closeUpload(ref);
  };

  it('carry a host’s databases through every step, each done twice', async () => {
    const ref = newRef();
    const snapshot = await agent.takeSnapshot(ref);
    expect(await agent.takeSnapshot(ref)).toEqual(snapshot);
    expect(snapshot).toMatchObject({ uploadId: ref.uploadId, files: 2, omitted: [] });
    expect(snapshot.rows.conversation).toBeGreaterThan(0);
    expect(snapshot.rows.relation).toBeGreaterThan(0);
    expect(snapshot.status).toBe('prepared');
    expect(await agent.readOutbox()).toEqual({
      uploads: [{ uploadId: ref.uploadId, files: 2, bytes: snapshot.bytes }],
      requested: false,
    });

    const transfer = await agent.deliverUpload(ref);
    expect(transfer).toMatchObject({ uploadId: ref.uploadId, method: 'cloud' });
    expect(transfer.files).toHaveLength(2);
    expect(transfer.bytes).toBe(snapshot.bytes);
    expect(await agent.deliverUpload(ref)).toEqual(transfer);
    expect(await uploads.head(manifestKey(ref))).toBeDefined();
    expect(await uploads.head(inboxKey(ref))).toBeDefined();
    await agent.closeUpload(ref);
    await agent.closeUpload(ref);
    expect(await agent.readOutbox()).toEqual({ uploads: [], requested: false });
    // A first attempt that comes late finds everything done.
    expect(await agent.deliverUpload(ref)).toEqual(transfer);
    expect(await agent.takeSnapshot(ref)).toEqual({ ...snapshot, status: 'delivered' });

    expect(await server.handOver(ref)).toEqual({ added: true });
    expect(await server.handOver(ref)).toEqual({ added: false });
    expect(nudged).toEqual(['laptop', 'laptop']);
    expect(await server.countUnfinished({ before: Date.now() })).toBe(1);
    expect(await server.nextUpload({ systemId: 'laptop' })).toEqual(ref);
    const ingested = await server.ingestUpload(ref);
    const total = Object.values(snapshot.rows).reduce((sum, rows) => sum + rows, 0);
    expect(ingested).toMatchObject({ status: 'ingested', reason: null });
    expect(ingested.rows.new).toBeGreaterThan(0);
    expect(ingested.rows.new).toBeLessThanOrEqual(total);
    expect(await server.ingestUpload(ref)).toMatchObject({ status: 'already', next: null });
    expect(await uploads.head(receiptKey(ref))).toBeDefined();
    expect(await server.nextUpload({ systemId: 'laptop' })).toBeNull();
    expect(await server.countUnfinished({ before: Date.now() })).toBe(0);
  });

  it('find by a walk what nobody announced, and queue it also where no ingest can be started', async () => {
    const ref = newRef();
    await deliver(ref);
    nudge = () => Promise.reject(new Error('Temporal is away'));
    const before = Date.now();
    const walk = await server.walkUploads();
    expect(walk.added).toBe(1);
    expect(walk.seen).toBeGreaterThan(1);
    expect(walk.at).toBeGreaterThanOrEqual(before);
    expect(warnings).toHaveLength(1);
    expect(await server.nextUpload({ systemId: 'laptop' })).toEqual(ref);
    expect((await server.ingestUpload(ref)).rows).toMatchObject({ new: 0, changed: 0 });
    expect((await server.walkUploads()).added).toBe(0);
  });

  it('age the store by the given instant, else by when the run was due, and never later than the setting’s clock', async () => {
    const now = await server.planTransition({ asOf: null, all: true });
    expect(now.asOf).toBe(NOON);
    const late = await server.planTransition({ asOf: null, scheduledFor: NOON - 1, all: true });
    expect(late.asOf).toBe(NOON - 1);
    const early = await server.planTransition({ asOf: null, scheduledFor: NOON + 1, all: true });
    expect(early.asOf).toBe(NOON);
    const later = await server.planTransition({ asOf: YEARS_LATER, all: true });
    expect(later.asOf).toBe(YEARS_LATER);
    expect(later.hot).toBeGreaterThan(0);
    for (let batch = { due: 1, moved: 1 }; batch.due > 0;) {
      batch = await server.moveToWarm({ asOf: YEARS_LATER });
      expect(batch.moved).toBe(batch.due);
    }
    const { hot, partitions } = await server.planTransition({ asOf: YEARS_LATER, all: true });
    expect(hot).toBe(0);
    const [partition] = partitions;
    if (partition === undefined) expect.fail('nothing is due for cold');
    expect(await server.moveToCold({ asOf: YEARS_LATER, partition })).toEqual({
      due: partition.rows,
      moved: partition.rows,
    });
    expect(await server.moveToCold({ asOf: YEARS_LATER, partition })).toEqual({ due: 0, moved: 0 });
    expect(Object.keys(await server.sweep()).sort()).toEqual(['objects', 'rows', 'tables']);
    expect((await store.countTiers()).cold.rows).toBe(partition.rows);
  });

  it('drop an upload from the outbox, twice', async () => {
    const ref = newRef();
    await agent.takeSnapshot(ref);
    const dropped = { ...ref, reason: 'its id is taken' };
    await agent.dropUpload(dropped);
    await agent.dropUpload(dropped);
    expect((await agent.readOutbox()).uploads).toEqual([]);
    await expect(agent.deliverUpload(ref)).rejects.toMatchObject({ type: 'BadRequest', nonRetryable: true });
  });

  it('cancel what waits, twice', async () => {
    const ref = newRef();
    await agent.takeSnapshot(ref);
    await agent.cancelUploads(ref);
    await agent.cancelUploads(ref);
    expect(await agent.readOutbox()).toEqual({ uploads: [], requested: false });
    expect(host.outbox.rows.upload(ref.uploadId)?.state).toBe('cancelled');
    await expect(agent.takeSnapshot(ref)).rejects.toMatchObject({ type: 'BadRequest', nonRetryable: true });
  });
});

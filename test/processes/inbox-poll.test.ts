import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { AkoshaError, inboxKey, type Urgency } from '../../src/contract/index.js';
import type { IngestContext } from '../../src/ingest/index.js';
import { runInboxPoll } from '../../src/processes/inbox-poll.js';
import type { MemoryStore } from '../../src/store/index.js';
import { createLog } from '../../src/telemetry/index.js';
import { openIngestWorld, type IngestWorld } from '../ingest/support.js';

/** More than two looks check on. */
const WAITING = 2_500;

/** A look with time for all there is. */
const LONG = { intervalMs: 60_000 };

/** What a look takes that takes long. */
const LOOK_MS = 500;

describe('the inbox poll', () => {
  let world: IngestWorld;

  beforeAll(async () => {
    world = await openIngestWorld();
    const found = Array.from({ length: WAITING }, (_, n) => ({
      systemId: `system-${n}`,
      uploadId: 'upload',
      order: 1,
      previousOrder: null,
      manifestSha256: '',
      createdAt: 0,
    }));
    await world.store.registerUploads(found);
  });
  afterAll(() => world.close());

  /** So many looks: the systems that each checked on, and the backlog it told. */
  async function poll(
    looks: number,
    ingest: IngestContext,
    options: { intervalMs?: number; recheckMs?: number } = { recheckMs: 0 },
  ): Promise<{ turns: string[][]; told: string[]; urgencies: Urgency[]; backlog: number[] }> {
    const stopping = new AbortController();
    const turns: string[][] = [];
    const told: string[] = [];
    const urgencies: Urgency[] = [];
    const backlog: number[] = [];
    await runInboxPoll(
      {
        ingest,
        intervalMs: 1,
        ...options,
        log: createLog({ level: 'silent', format: 'json' }),
        nudge: (systemIds, urgency) => {
          urgencies.push(urgency);
          return Promise.resolve(void told.push(...systemIds));
        },
        ensureRunning: (systemIds) => {
          turns.push(systemIds);
          if (turns.length === looks) stopping.abort();
          return Promise.resolve();
        },
        onBacklog: ({ uploads }) => void backlog.push(uploads),
      },
      stopping.signal,
    );
    return { turns, told, urgencies, backlog };
  }

  it('checks on every system that waits before it comes back to one', async () => {
    const { turns, backlog } = await poll(5, world.context);
    expect(turns.map((turn) => turn.length)).toEqual([1_000, 1_000, 1_000, 1_000, 1_000]);
    expect(new Set(turns.slice(0, 2).flat()).size).toBe(2_000);
    expect(new Set(turns.slice(0, 3).flat()).size).toBe(WAITING);
    // Twice round: each system had two turns.
    const counts = new Map<string, number>();
    for (const systemId of turns.flat()) counts.set(systemId, (counts.get(systemId) ?? 0) + 1);
    expect([...counts.values()]).toEqual(Array<number>(WAITING).fill(2));
    expect(backlog).toEqual(Array<number>(5).fill(WAITING));
  });

  it('tells no more systems of new uploads than it can between two looks, and has the rest started by the next', async () => {
    // As many in the inbox as have just arrived; discovery has tests of its own.
    const fresh = Array.from({ length: 1_200 }, (_, n) => ({ systemId: `fresh-${n}`, uploadId: 'upload' }));
    for (const ref of fresh) await world.uploads.put(inboxKey(ref), '');
    const ingest = world.withFaults({ get: () => Promise.resolve(Buffer.from('{}')) });
    const { told, turns, urgencies } = await poll(1, ingest, LONG);
    expect(told).toHaveLength(1_000);
    expect(urgencies).toEqual(['found', ...Array<string>(5).fill('backlog')]);
    expect(new Set([...told, ...turns.flat()]).size).toBe(2_000);
  });

  it('counts what it has had no time for among the backlog, and comes back for it at once', async () => {
    const own = await openIngestWorld();
    onTestFinished(() => own.close());
    for (let n = 0; n < 250; n++)
      await own.uploads.put(inboxKey({ systemId: `burst-${n}`, uploadId: 'upload' }), '');
    const ingest = own.withFaults({ get: () => Promise.resolve(Buffer.from('{}')) });
    const begun = performance.now();
    // As long as it takes to read the clock is half of this interval not.
    const { backlog, told } = await poll(2, ingest, { intervalMs: 0 });
    expect(backlog).toEqual([250, 250]);
    expect(told.length).toBeGreaterThan(100);
    expect(performance.now() - begun).toBeLessThan(20_000);
  });

  it('queues all of a burst where the orchestrator is away, and says so once', async () => {
    const own = await openIngestWorld();
    onTestFinished(() => own.close());
    for (let n = 0; n < 250; n++)
      await own.uploads.put(inboxKey({ systemId: `burst-${n}`, uploadId: 'upload' }), '');
    const stopping = new AbortController();
    let nudges = 0;
    await runInboxPoll(
      {
        ingest: own.withFaults({ get: () => Promise.resolve(Buffer.from('{}')) }),
        ...LONG,
        log: createLog({ level: 'silent', format: 'json' }),
        nudge: () => (nudges++, Promise.reject(new AkoshaError('OrchestratorUnavailable', 'injected'))),
        ensureRunning: () => Promise.resolve(stopping.abort()),
        onBacklog: () => undefined,
      },
      stopping.signal,
    );
    expect(nudges).toBe(1);
    expect((await own.store.backlog()).uploads).toBe(250);
  });

  it('takes what it finds among few for fresh', async () => {
    await world.uploads.put(inboxKey({ systemId: 'alone', uploadId: 'upload' }), '');
    const ingest = world.withFaults({ get: () => Promise.resolve(Buffer.from('{}')) });
    const { told, urgencies } = await poll(1, ingest, LONG);
    expect(told).toEqual(['alone']);
    expect(urgencies).toEqual(['found']);
  });

  it('begins a look when it is due, however long the one before took', async () => {
    const begun: number[] = [];
    const backlog = async () => {
      begun.push(performance.now());
      await sleep(LOOK_MS);
      return world.store.backlog();
    };
    await poll(3, { ...world.context, store: { ...world.store, backlog } }, { intervalMs: LOOK_MS });
    const [first = 0, , third = 0] = begun;
    // Twice the longer of interval and look; were each look on top of the interval, it would be twice their sum.
    expect(third - first).toBeLessThan(4 * LOOK_MS);
  });

  it('leaves alone for a while whom it told or checked on', async () => {
    const { turns } = await poll(6, world.context, { recheckMs: 60_000 });
    const checked = turns.flat();
    expect(checked.length).toBeGreaterThanOrEqual(WAITING);
    expect(new Set(checked).size).toBe(checked.length);
    expect(turns.at(-1)).toEqual([]);
  });

  it('checks on the same again with every second look, half a minute apart', async () => {
    let looks = 0;
    const { now } = performance;
    vi.spyOn(performance, 'now').mockImplementation(() => now.call(performance) + looks * 30_000);
    onTestFinished(() => void vi.restoreAllMocks());
    const store: MemoryStore = {
      ...world.store,
      backlog: () => world.store.backlog().finally(() => looks++),
      unfinishedSystems: () => Promise.resolve(['one', 'two']),
    };
    const { turns } = await poll(5, { ...world.context, store }, {});
    expect(turns).toEqual([['one', 'two'], [], ['one', 'two'], [], ['one', 'two']]);
  });

  it('tells of a new upload only where nothing stands before it in the queue', async () => {
    // What is no manifest has order 0, and those of one order go by their ids.
    const first = { uploadId: 'a', order: 0, previousOrder: null, manifestSha256: '', createdAt: 0 };
    await world.store.registerUploads([{ systemId: 'busy-system', ...first }]);
    const fresh = ['busy-system', 'new-system'].map((systemId) => ({ systemId, uploadId: 'z' }));
    for (const ref of fresh) await world.uploads.put(inboxKey(ref), '');
    const ingest = world.withFaults({ get: () => Promise.resolve(Buffer.from('{}')) });
    expect((await poll(1, ingest, LONG)).told).toEqual(['new-system']);
  });

  it('checks on the queue also while the object store is away', async () => {
    const ingest = world.withFaults({
      list: () => {
        throw new AkoshaError('ObjectStoreUnavailable', 'injected');
      },
    });
    expect((await poll(1, ingest)).turns[0]).toHaveLength(1_000);
  });
});

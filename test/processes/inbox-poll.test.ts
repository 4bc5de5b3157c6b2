import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AkoshaError, inboxKey } from '../../src/contract/index.js';
import type { IngestContext } from '../../src/ingest/index.js';
import { runInboxPoll } from '../../src/processes/inbox-poll.js';
import { createLog } from '../../src/telemetry/index.js';
import { openIngestWorld, type IngestWorld } from '../ingest/support.js';

/** More than two looks check on. */
const WAITING = 2_500;

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
  ): Promise<{ turns: string[][]; told: string[]; backlog: number[] }> {
    const stopping = new AbortController();
    const turns: string[][] = [];
    const told: string[] = [];
    const backlog: number[] = [];
    await runInboxPoll(
      {
        ingest,
        intervalMs: 1,
        log: createLog({ level: 'silent', format: 'json' }),
        nudge: (systemIds) => Promise.resolve(void told.push(...systemIds)),
        ensureRunning: (systemIds) => {
          turns.push(systemIds);
          if (turns.length === looks) stopping.abort();
          return Promise.resolve();
        },
        onBacklog: ({ uploads }) => void backlog.push(uploads),
      },
      stopping.signal,
    );
    return { turns, told, backlog };
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
    expect(backlog).toEqual([WAITING, WAITING, WAITING, WAITING, WAITING]);
  });

  it('tells no more systems of new uploads than it can between two looks, and has the rest started by the next', async () => {
    // As many in the inbox as have just arrived; discovery has tests of its own.
    const fresh = Array.from({ length: 1_200 }, (_, n) => ({ systemId: `fresh-${n}`, uploadId: 'upload' }));
    for (const ref of fresh) await world.uploads.put(inboxKey(ref), '');
    const ingest = world.withFaults({ get: () => Promise.resolve(Buffer.from('{}')) });
    const { told, turns } = await poll(1, ingest);
    expect(told).toHaveLength(1_000);
    expect(new Set([...told, ...turns.flat()]).size).toBe(2_000);
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

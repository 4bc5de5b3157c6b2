import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ingestInTurn, type TurnDeps } from '../../src/activities/ingest-turn.js';
import type { StepDetails } from '../../src/activities/run-activity.js';
import {
  addIngested,
  AkoshaError,
  manifestKey,
  NO_ROWS,
  NO_TOTALS,
  receiptKey,
  type UploadRef,
} from '../../src/contract/index.js';
import { ingestUpload, walkUploads } from '../../src/ingest/index.js';
import {
  openIngestWorld,
  originalId,
  putOriginal,
  sampleFiles,
  type IngestWorld,
} from '../ingest/support.js';
import { gate } from '../support/gate.js';

let world: IngestWorld;
let ingested: string[];
let deps: TurnDeps;

const ENDLESS = { ms: 60_000, uploads: 1, longestMs: 60_000 };
const ONE = { ms: 0, uploads: 1, longestMs: 60_000 };

const running = { signal: new AbortController().signal, report: () => undefined };

beforeAll(async () => {
  world = await openIngestWorld();
});
beforeEach(() => {
  ingested = [];
  deps = {
    ingest: world.context,
    nextUpload: async (systemId) => (await world.store.nextUpload(systemId)) ?? null,
    onIngested: ({ status }) => void ingested.push(status),
    stopping: new AbortController().signal,
    turn: ENDLESS,
  };
});
afterAll(() => world.close());

/** In the order of their ids, the second one of them no database. */
async function queueThree(systemId: string): Promise<UploadRef[]> {
  const files = await sampleFiles();
  const refs = Array.from({ length: 3 }, () => ({ systemId, uploadId: originalId() }));
  for (const [n, ref] of refs.entries()) {
    await putOriginal(world.uploads, ref, n === 1 ? { 'notes.duckdb': Buffer.from('no database') } : files);
  }
  await walkUploads(world.context, () => undefined, undefined, systemId);
  return refs;
}

async function first(systemId: string): Promise<UploadRef> {
  const next = await world.store.nextUpload(systemId);
  return next ?? expect.fail('nothing is queued');
}

describe('a turn of ingest', () => {
  it('goes on with the system’s next uploads, and tells of each', async () => {
    const refs = await queueThree('laptop');
    const turn = await ingestInTurn(deps, await first('laptop'), running);
    expect(ingested.sort()).toEqual(['ingested', 'ingested', 'quarantined']);
    expect(turn).toMatchObject({
      next: null,
      further: { lastUploadId: refs[2]?.uploadId, totals: { ingested: 1, quarantined: 1 } },
    });
    expect(await world.store.countUnfinished(Date.now())).toBe(0);
  });

  /** Who tells it: the process at once, the activity when the grace is over. */
  it.each(['process', 'activity'] as const)(
    'finishes what is in hand and begins no other upload once the %s is told to stop',
    async (told) => {
      const refs = await queueThree(`stopped-${told}`);
      const stop = new AbortController();
      const inHand = gate();
      const stopped = gate();
      // A double that holds the first upload's receipt, by when all that heeds the activity's signal is over.
      const held = receiptKey(refs[0] ?? expect.fail());
      deps.ingest = world.withFaults({
        put: async (key, ...rest) => {
          if (key === held) {
            inHand.open();
            await stopped.opened;
          }
          return world.uploads.put(key, ...rest);
        },
      });
      if (told === 'process') deps.stopping = stop.signal;
      const tools = told === 'process' ? running : { ...running, signal: stop.signal };
      const turn = ingestInTurn(deps, await first(`stopped-${told}`), tools);
      await inHand.opened;
      stop.abort();
      stopped.open();
      expect(await turn).toMatchObject({ status: 'ingested', next: { uploadId: refs[1]?.uploadId } });
      expect(await turn).not.toHaveProperty('further');
      expect(ingested).toEqual(['ingested']);
    },
  );

  it('leaves an upload that is cancelled while it is read in the queue, and counts no attempt', async () => {
    const [ref = expect.fail()] = await queueThree('cancelled');
    const cancelled = new AbortController();
    const steps: unknown[] = [];
    const report = ({ step }: StepDetails): void => {
      steps.push(step);
      if (step === 'read') cancelled.abort();
    };
    await expect(ingestInTurn(deps, ref, { signal: cancelled.signal, report })).rejects.toThrow();
    expect(steps).toContain('read');
    expect(await world.store.nextUpload('cancelled')).toMatchObject({ ...ref, state: 'pending' });
    expect(await world.store.beginRead(ref)).toMatchObject({ attempts: 1 });
    await world.store.withdrawRead(ref);
    expect(await ingestInTurn(deps, ref, running)).toMatchObject({ status: 'ingested' });
  });

  it('hands all of it back where the process was told to stop before', async () => {
    const [ref = expect.fail()] = await queueThree('late');
    deps.stopping = AbortSignal.abort();
    await expect(ingestInTurn(deps, ref, running)).rejects.toMatchObject({ type: 'StoreClosed' });
    expect(await world.store.nextUpload('late')).toMatchObject({ ...ref, state: 'pending' });
  });

  it('tells of an upload that was ingested meanwhile, and counts what it goes on with alone', async () => {
    const refs = await queueThree('stale');
    const hint = await first('stale');
    await ingestUpload(world.context, hint);
    const turn = await ingestInTurn(deps, hint, running);
    expect(ingested).toEqual(['already', 'quarantined', 'ingested']);
    expect(turn).toMatchObject({
      ...{ status: 'already', rows: NO_ROWS, next: null },
      further: { lastUploadId: refs[2]?.uploadId, totals: { ingested: 1, quarantined: 1 } },
    });
    expect(addIngested(NO_TOTALS, turn)).toEqual(NO_TOTALS);
  });

  it('counts an upload once of two turns that come to it at once', async () => {
    const [ref = expect.fail()] = await queueThree('twice');
    deps.turn = ONE;
    const turns = await Promise.allSettled([1, 2].map(() => ingestInTurn(deps, ref, running)));
    expect(turns.some(({ status }) => status === 'fulfilled')).toBe(true);
    expect(ingested.filter((status) => status === 'ingested')).toHaveLength(1);
  });

  it.each([
    ['had as many as a turn has at least', ONE],
    ['took longer than a turn may', { ms: 60_000, uploads: 9, longestMs: 0 }],
  ])('ends after the first where that %s', async (why, turn) => {
    const systemId = `slow-${why.slice(0, 4).trim()}`;
    const refs = await queueThree(systemId);
    const ended = await ingestInTurn({ ...deps, turn }, await first(systemId), running);
    expect(ended).toMatchObject({ status: 'ingested', next: { uploadId: refs[1]?.uploadId } });
    expect(ended).not.toHaveProperty('further');
  });

  it('has some uploads also where each of them takes all of its time', async () => {
    const refs = await queueThree('loaded');
    const two = { ms: 0, uploads: 2, longestMs: 60_000 };
    const ended = await ingestInTurn({ ...deps, turn: two }, await first('loaded'), running);
    expect(ingested).toEqual(['ingested', 'quarantined']);
    expect(ended).toMatchObject({
      next: { uploadId: refs[2]?.uploadId },
      further: { lastUploadId: refs[1]?.uploadId },
    });
  });

  it('leaves one that fails to the next turn, whose error it is', async () => {
    const refs = await queueThree('failing');
    const last = manifestKey(refs[2] ?? expect.fail());
    // A double that injects the fault.
    deps.ingest = world.withFaults({
      get: (key, options) =>
        key === last
          ? Promise.reject(new AkoshaError('ObjectStoreUnavailable', 'away'))
          : world.uploads.get(key, options),
    });
    const turn = await ingestInTurn(deps, await first('failing'), running);
    expect(turn).toMatchObject({
      status: 'ingested',
      next: { uploadId: refs[2]?.uploadId },
      further: { lastUploadId: refs[1]?.uploadId, totals: { ingested: 0, quarantined: 1 } },
    });
    await expect(ingestInTurn(deps, refs[2] ?? expect.fail(), running)).rejects.toThrow('away');
  });
});

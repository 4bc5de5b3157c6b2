import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ingestInTurn, type TurnDeps } from '../../src/activities/ingest-turn.js';
import { AkoshaError, manifestKey, type UploadRef } from '../../src/contract/index.js';
import { walkUploads } from '../../src/ingest/index.js';
import {
  openIngestWorld,
  originalId,
  putOriginal,
  sampleFiles,
  type IngestWorld,
} from '../ingest/support.js';

let world: IngestWorld;
let ingested: string[];
let deps: TurnDeps;

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
    turnMs: 60_000,
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

  it('ends after the first where it is told to stop', async () => {
    const refs = await queueThree('stopped');
    const stop = new AbortController();
    deps.nextUpload = async (systemId) => {
      stop.abort();
      return (await world.store.nextUpload(systemId)) ?? null;
    };
    const turn = await ingestInTurn(deps, await first('stopped'), { ...running, signal: stop.signal });
    expect(turn).toMatchObject({ status: 'ingested', next: { uploadId: refs[1]?.uploadId } });
    expect(turn).not.toHaveProperty('further');
  });

  it('ends after the first where that took all of the turn', async () => {
    const refs = await queueThree('slow');
    const turn = await ingestInTurn({ ...deps, turnMs: 0 }, await first('slow'), running);
    expect(turn).toMatchObject({ status: 'ingested', next: { uploadId: refs[1]?.uploadId } });
    expect(turn).not.toHaveProperty('further');
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

import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import type { ScrubCursor, ScrubPortion } from '../../src/contract/index.js';
import { createNamespace, type RunningWorkers, type TestNamespace } from '../support/temporal.js';

describe('scrub', () => {
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

  it('goes from portion to portion under one name, tries again what failed, and adds up', async () => {
    const asked: { scrubId: string; after: ScrubCursor | null }[] = [];
    const next: ScrubCursor = { part: 'rows', tier: 'hot', table: '', after: -1 };
    const counts = { objects: 1, bytes: 10, placements: 2, rows: 3 };
    workers = await temporal.runWorkers({
      store: {
        // Doubles that keep what is asked for; what a portion does is tested with the store.
        scrubPortion: (input): Promise<ScrubPortion> => {
          asked.push(input);
          if (asked.length === 2) return Promise.reject(new Error('injected'));
          return Promise.resolve({ counts, next: asked.length === 1 ? next : null });
        },
        endScrub: (ended) => Promise.resolve({ ...ended.counts, findings: 4, skipped: [] }),
      },
    });
    const run = await temporal.client.runScrub();
    expect(await run.result()).toEqual({
      ...{ objects: 2, bytes: 20, placements: 4, rows: 6 },
      findings: 4,
      skipped: [],
    });
    expect(asked.map(({ after }) => after)).toEqual([null, next, next]);
    expect(new Set(asked.map(({ scrubId }) => scrubId))).toEqual(new Set([`scrub/manual/${run.runId}`]));
    expect(await temporal.client.progress('scrub/manual')).toMatchObject({
      phase: 'done',
      unit: 'rows',
      done: 6,
    });
  });
});

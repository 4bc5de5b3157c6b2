import { expect, it } from 'vitest';
import { addScrubbed, NOTHING_SCRUBBED, type ScrubCursor } from '../../../src/contract/index.js';
import { FAIL_POINTS } from '../../../src/faults/index.js';
import { endScrub, scrubPortion, sweep } from '../../../src/maintenance/index.js';
import type { FailingWorld } from './fault-kinds.js';
import type { FaultWorld } from './fault-world.js';
import { loseStore, rebuildAll } from './lost-store.js';
import { operationsOf } from './operations.js';
import { Sequence } from './sequence.js';

/**
 * Each test and each failure names its seed. `AKOSHA_FAULTS_RUNS` sets how many sequences there are, of seeds one after the other, and
 * `AKOSHA_FAULTS_SEED` repeats one.
 */
const { AKOSHA_FAULTS_RUNS: runs, AKOSHA_FAULTS_SEED: seed } = process.env;
const RUNS = Number(runs ?? 1);
const SEED = Number(seed ?? Math.floor(Math.random() * 2 ** 31));
export const SEEDS = Array.from({ length: RUNS }, (_, run) => SEED + run);

/** Ten times what one takes where nothing else runs. */
const RUN_MS = 600_000;

/** The design asks for so many fail points. */
const LEAST_POINTS = 40;

/** Makes tests of one kind of fault, each a random sequence in which it is made at every fail point there is. */
export function keepsThePromise(whatever: string, open: () => Promise<FailingWorld>): void {
  it.each(SEEDS)(
    `every acknowledged memory is found once or gone with a receipt, ${whatever} at each fail point (seed %i)`,
    async (own) => {
      const failing = await open();
      const sequence = new Sequence(failing, operationsOf(failing.world), own);
      try {
        await sequence.run();
        await settle(failing.world);
      } catch (cause) {
        throw new Error(`seed ${own}, after:\n${sequence.trace.join('\n')}`, { cause });
      }
      expect(sequence.struck.toSorted()).toEqual(FAIL_POINTS.toSorted());
      expect(sequence.struck.length).toBeGreaterThanOrEqual(LEAST_POINTS);
    },
    RUN_MS,
  );
}

/** At rest: all is what the model says, in one tier each, as the objects have it, and nothing is left over. From objects alone it is the same. */
export async function settle(world: FaultWorld): Promise<void> {
  // What arrived during a rebuild.
  await world.drain('beside');
  for (const _look of ['first', 'second']) {
    world.now += 1_000;
    await sweep(world.maintenance);
  }
  expect(await sweep(world.maintenance)).toEqual({ rows: 0, tables: 0, objects: 0 });
  await expectSettled(world);
  expect(await countFindings(world)).toBe(0);
  await loseStore(world);
  await rebuildAll(world);
  await world.openStore();
  await expectSettled(world);
}

async function expectSettled(world: FaultWorld): Promise<void> {
  const tiers = await world.perTier();
  const keys = tiers.flatMap(Object.keys);
  expect(new Set(keys).size, 'in one tier each').toBe(keys.length);
  expect(Object.assign({}, ...tiers)).toEqual(world.model.settled());
  const { pending, committed, receipted } = await world.store.countUploads();
  expect({ pending, committed, receipted }).toEqual({ pending: 0, committed: 0, receipted: 0 });
}

/** Of a scrub of every row and every object. */
async function countFindings(world: FaultWorld): Promise<number> {
  const { store, objects: archive, scratch, reader } = world;
  const context = { store, archive, scratch, hashFile: (file: string) => reader.hashFile(file) };
  const scrubId = 'a test';
  let counts = NOTHING_SCRUBBED;
  for (let after: ScrubCursor | null = null; ;) {
    const portion = await scrubPortion(context, { scrubId, after });
    counts = addScrubbed(counts, portion.counts);
    after = portion.next;
    if (after === null) return (await endScrub(context, { scrubId, counts })).findings;
  }
}

import { TABLE_TIERS, type RepairableTier } from '../../contract/index.js';
import type { RepairStore, TierDamage } from '../repair.js';
import type { EngineContext } from './context.js';
import { openRepair } from './repair-operation.js';
import { countRows, findDamage, isDamage, lostRows } from './tiers/damage.js';

/** Of each tier so many of the rows that were placed last are looked for at the start: what a log held was written last, and this costs milliseconds. */
const NEWEST = 1000;

/** What is out, from the opening of the store to the end of a repair. */
export class Damage {
  readonly #context: EngineContext;
  #damaged: readonly TierDamage[] = [];

  private constructor(context: EngineContext) {
    this.#context = context;
  }

  /**
   * A file that has fewer rows than memories stand in its tier was lost, or its log was, and what it lacks is found by nothing. One may have more:
   * what no placement names any more goes with the next sweep. So the number says nothing where a log is lost that held deletions too, and the newest
   * rows are looked for.
   */
  static async find(context: EngineContext): Promise<Damage> {
    const damage = new Damage(context);
    const counts = await context.catalog.read.countTiers();
    for (const tier of TABLE_TIERS) {
      if ((await countRows(context.tiers, tier)) < counts[tier].rows || (await lacksNewest(context, tier)))
        await context.catalog.write.noteDamage(tier, context.now());
    }
    await damage.#read();
    return damage;
  }

  async #read(): Promise<void> {
    this.#damaged = await this.#context.catalog.read.damagedTiers();
  }

  has(tier: RepairableTier): boolean {
    return this.#damaged.some((one) => one.tier === tier);
  }

  /** Of the store's methods those about damage. */
  methods(): RepairStore {
    const context = this.#context;
    return {
      damaged: () => this.#damaged,
      findDamage: (tier) => findDamage(context.tiers, tier),
      setAside: (tier) => this.#setAside(tier),
      openRepair: (request, signal) => openRepair(context, request, signal),
      endDamage: async (tier) => {
        await context.catalog.write.endDamage(tier);
        await this.#read();
      },
    };
  }

  /**
   * On record first: a process that dies in the middle finds an empty file, and has to know that there was another. What wrote to the old file
   * and is still open is aborted once the new one stands, or could not be made yet: it would place rows that are set aside. What was committed by then is found to be lost.
   */
  async #setAside(tier: RepairableTier): Promise<string> {
    await this.#context.catalog.write.noteDamage(tier, this.#context.now());
    await this.#read();
    try {
      return await this.#context.tiers.setAside(tier);
    } finally {
      await this.#context.latch.closeAll();
      await this.#context.catalog.write.abortAllOperations(this.#context.now());
    }
  }
}

async function lacksNewest({ catalog, tiers }: EngineContext, tier: RepairableTier): Promise<boolean> {
  const newest = await catalog.read.newestPlaced({ tier, limit: NEWEST });
  try {
    return (await lostRows(tiers, tier, newest)).length > 0;
  } catch (error) {
    if (!isDamage(error)) throw error;
    return true;
  }
}

import { TABLE_TIERS, type RepairableTier } from '../../contract/index.js';
import type { RepairStore, TierDamage } from '../repair.js';
import type { EngineContext } from './context.js';
import { openRepair } from './repair-operation.js';
import { countRows, findDamage } from './tiers/damage.js';

/** What is out, from the opening of the store to the end of a repair. */
export class Damage {
  readonly #context: EngineContext;
  #damaged: readonly TierDamage[] = [];

  private constructor(context: EngineContext) {
    this.#context = context;
  }

  /**
   * A file that has fewer rows than memories stand in its tier was lost, or its log was, and what it lacks is found by nothing. One may have more:
   * what no placement names any more goes with the next sweep.
   */
  static async find(context: EngineContext): Promise<Damage> {
    const damage = new Damage(context);
    const counts = await context.catalog.read.countTiers();
    for (const tier of TABLE_TIERS) {
      if ((await countRows(context.tiers, tier)) < counts[tier].rows)
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
   * and is still open is aborted once the new one stands: it would place rows that are set aside. What was committed by then is found to be lost.
   */
  async #setAside(tier: RepairableTier): Promise<string> {
    await this.#context.catalog.write.noteDamage(tier, this.#context.now());
    await this.#read();
    const file = await this.#context.tiers.setAside(tier);
    await this.#context.latch.closeAll();
    await this.#context.catalog.write.abortAllOperations(this.#context.now());
    return file;
  }
}

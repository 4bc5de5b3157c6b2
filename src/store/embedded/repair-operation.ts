import type { MoveOperation, MoveOutcome } from '../store.js';
import type { RepairPart, RepairRequest } from '../repair.js';
import type { OpenedMove } from './catalog/moves.js';
import type { EngineContext } from './context.js';
import { abandon, closeLeft, OpenOperation } from './open-operation.js';
import { lostRows, noticeDamage } from './tiers/damage.js';
import { RepairStaging } from './tiers/repairing.js';

/** See `RepairStore.openRepair`. */
export async function openRepair(
  context: EngineContext,
  { tier, after, limit }: RepairRequest,
  signal?: AbortSignal,
): Promise<RepairPart> {
  const { read, write } = context.catalog;
  // A repair that the disk ended is begun again once there is room.
  await closeLeft(context);
  const checked = await read.rowsToCheck({ tier, after, limit });
  const lost = await noticeDamage(tier, () => lostRows(context.tiers, tier, checked));
  const last = checked.length === limit ? checked.at(-1) : undefined;
  const next = last === undefined ? null : { keeper: last.keeper, pid: last.pid };
  const opened =
    lost.length === 0 ? undefined : await write.openRepair({ tier, rows: lost, ...context.lease() });
  const operation = opened && (await start(context, opened, tier, signal));
  return { checked: checked.length, lost: lost.length, operation, next };
}

async function start(
  context: EngineContext,
  opened: OpenedMove,
  tier: RepairRequest['tier'],
  caller: AbortSignal | undefined,
): Promise<MoveOperation> {
  const { opId, rows } = opened;
  const signal = context.latch.open(opId, caller);
  try {
    const { rows: kept, journals, cold } = await context.catalog.read.repairSources(opId);
    // The cache checks each object's sum as it comes.
    const staging = await context.cold.use(
      [...journals, ...cold],
      (files) => {
        const [ofJournals, ofCold] = [files.slice(0, journals.length), files.slice(journals.length)];
        const input = { tier, opId, rows, kept, journals: ofJournals, cold: ofCold, signal };
        return RepairStaging.load(context.tiers, input);
      },
      { signal },
    );
    return new EmbeddedRepair(context, opened, signal, staging, tier);
  } catch (error) {
    await abandon(context, opId);
    throw error;
  }
}

class EmbeddedRepair extends OpenOperation implements MoveOperation {
  readonly rows: number;
  readonly #staging: RepairStaging;
  readonly #tier: RepairRequest['tier'];

  constructor(
    context: EngineContext,
    opened: OpenedMove,
    signal: AbortSignal,
    staging: RepairStaging,
    tier: RepairRequest['tier'],
  ) {
    super(context, opened.opId, signal);
    this.rows = opened.rows.length;
    this.#staging = staging;
    this.#tier = tier;
  }

  copyRows(): Promise<void> {
    return this.write(() => noticeDamage(this.#tier, () => this.#staging.insert()));
  }

  verifyCopies(): Promise<void> {
    return noticeDamage(this.#tier, () => this.#staging.verify());
  }

  async commit(): Promise<MoveOutcome> {
    this.signal.throwIfAborted();
    const { faulty } = this.#staging;
    const outcome = await this.context.catalog.write.commitRepair({
      opId: this.opId,
      faulty,
      now: this.context.now(),
    });
    this.committed = true;
    return outcome;
  }

  protected override release(): Promise<void> {
    this.#staging.close();
    return Promise.resolve();
  }
}

import { AkoshaError } from '../../contract/index.js';
import type { ColdOperation, ColdPartitionDue, MoveOperation, WrittenObject } from '../store.js';
import type { MovingRow, OpenedMove } from './catalog/moves.js';
import type { EngineContext } from './context.js';
import { abandon, OpenOperation } from './open-operation.js';
import { MoveStaging } from './tiers/moving.js';

/** Hot to warm: the oldest rows due. */
export async function openMove(
  context: EngineContext,
  asOf: number,
  limit: number,
): Promise<MoveOperation | undefined> {
  const opened = await context.catalog.write.openMove({
    cutoff: context.hotCutoff(asOf),
    limit,
    ...context.lease(),
  });
  return opened && start(context, opened, 'hot', (staging) => new EmbeddedMove(context, opened, staging));
}

/** Warm to cold: the oldest rows due of one system and month. */
export async function openCold(
  context: EngineContext,
  asOf: number,
  partition: ColdPartitionDue,
  limit: number,
): Promise<ColdOperation | undefined> {
  const opened = await context.catalog.write.openCold({
    cutoff: context.warmCutoff(asOf),
    limit,
    systemId: partition.systemId,
    from: Date.UTC(partition.year, partition.month - 1),
    until: Date.UTC(partition.year, partition.month),
    ...context.lease(),
  });
  return (
    opened &&
    start(
      context,
      opened,
      'warm',
      (staging) => new EmbeddedCold(context, opened, staging, partition.systemId),
    )
  );
}

async function start<T>(
  context: EngineContext,
  { opId, rows }: OpenedMove,
  from: 'hot' | 'warm',
  make: (staging: MoveStaging) => T,
): Promise<T> {
  context.latch.open(opId);
  try {
    return make(await MoveStaging.load(context.tiers, from, opId, rows));
  } catch (error) {
    await abandon(context, opId);
    throw error;
  }
}

class EmbeddedMove extends OpenOperation implements MoveOperation {
  readonly rows: number;
  readonly #staging: MoveStaging;

  constructor(context: EngineContext, opened: OpenedMove, staging: MoveStaging) {
    super(context, opened.opId);
    this.rows = opened.rows.length;
    this.#staging = staging;
  }

  copyRows(): Promise<void> {
    return this.write(() => this.#staging.insertWarm());
  }

  verifyCopies(): Promise<void> {
    return this.#staging.verifyWarm();
  }

  async commit(): Promise<number> {
    const moved = await this.context.catalog.write.commitMove({ opId: this.opId, now: this.context.now() });
    this.committed = true;
    return moved;
  }

  protected override release(): Promise<void> {
    this.#staging.close();
    return Promise.resolve();
  }
}

class EmbeddedCold extends OpenOperation implements ColdOperation {
  readonly rows: number;
  readonly batchId: number;
  readonly #staging: MoveStaging;
  readonly #systemId: string;

  constructor(context: EngineContext, opened: OpenedMove, staging: MoveStaging, systemId: string) {
    super(context, opened.opId);
    this.rows = opened.rows.length;
    this.batchId = firstOf(opened.rows).newRowId;
    this.#staging = staging;
    this.#systemId = systemId;
  }

  exportObject(path: string): Promise<void> {
    return this.write(() => this.#staging.exportCold(path));
  }

  async verifyObject(path: string, object: WrittenObject): Promise<void> {
    await this.#staging.verifyCold(path);
    await this.context.cold.adopt(object, path);
  }

  async commit(object: WrittenObject): Promise<number> {
    const moved = await this.context.catalog.write.commitCold({
      opId: this.opId,
      now: this.context.now(),
      systemId: this.#systemId,
      rows: this.rows,
      object,
    });
    this.committed = true;
    return moved;
  }

  protected override release(): Promise<void> {
    this.#staging.close();
    return Promise.resolve();
  }
}

function firstOf(rows: readonly MovingRow[]): MovingRow {
  const [first] = rows;
  if (first === undefined) throw new AkoshaError('VerifyFailed', 'a batch without rows');
  return first;
}

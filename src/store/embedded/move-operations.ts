import { AkoshaError, type ColdPartition } from '../../contract/index.js';
import type { ColdOperation, ColdPartitionDue, MoveOperation, MoveOutcome, WrittenObject } from '../store.js';
import type { MovingRow, OpenedMove } from './catalog/moves.js';
import type { EngineContext } from './context.js';
import { abandon, closeLeft, OpenOperation } from './open-operation.js';
import { MoveStaging } from './tiers/moving.js';

/** Hot to warm: the oldest rows due. */
export async function openMove(
  context: EngineContext,
  asOf: number,
  limit: number,
  signal?: AbortSignal,
): Promise<MoveOperation | undefined> {
  await closeLeft(context);
  const opened = await context.catalog.write.openMove({
    cutoff: context.hotCutoff(asOf),
    limit,
    ...context.lease(),
  });
  return opened && startMove(context, opened, signal);
}

export function startMove(
  context: EngineContext,
  opened: OpenedMove,
  signal?: AbortSignal,
): Promise<MoveOperation> {
  return start(context, opened, 'hot', signal, (...opening) => new EmbeddedMove(context, opened, ...opening));
}

/** Warm to cold: the oldest rows due of one system and month. */
export async function openCold(
  context: EngineContext,
  asOf: number,
  partition: ColdPartitionDue,
  limit: number,
  signal?: AbortSignal,
): Promise<ColdOperation | undefined> {
  await closeLeft(context);
  const opened = await context.catalog.write.openCold({
    cutoff: context.warmCutoff(asOf),
    limit,
    systemId: partition.systemId,
    from: Date.UTC(partition.year, partition.month - 1),
    until: Date.UTC(partition.year, partition.month),
    ...context.lease(),
  });
  return opened && startCold(context, opened, partition, signal);
}

export function startCold(
  context: EngineContext,
  opened: OpenedMove,
  partition: ColdPartition,
  signal?: AbortSignal,
): Promise<ColdOperation> {
  return start(
    context,
    opened,
    'warm',
    signal,
    (...opening) => new EmbeddedCold(context, opened, ...opening, partition),
  );
}

async function start<T>(
  context: EngineContext,
  { opId, rows }: OpenedMove,
  from: 'hot' | 'warm',
  caller: AbortSignal | undefined,
  make: (signal: AbortSignal, staging: MoveStaging) => T,
): Promise<T> {
  const signal = context.latch.open(opId, caller);
  try {
    return make(signal, await MoveStaging.load(context.tiers, { from, opId, rows, signal }));
  } catch (error) {
    await abandon(context, opId);
    throw error;
  }
}

/** What searches have read of these rows is as good for their copies, so that a transition makes them read no text again. */
function followTexts({ texts }: EngineContext, { rows }: OpenedMove, faulty: MoveStaging['faulty']): void {
  const without = new Set(faulty.map(({ newRowId }) => newRowId));
  for (const { rowId, newRowId } of rows) if (!without.has(newRowId)) texts.follow(rowId, newRowId);
}

class EmbeddedMove extends OpenOperation implements MoveOperation {
  readonly rows: number;
  readonly #opened: OpenedMove;
  readonly #staging: MoveStaging;

  constructor(context: EngineContext, opened: OpenedMove, signal: AbortSignal, staging: MoveStaging) {
    super(context, opened.opId, signal);
    this.rows = opened.rows.length;
    this.#opened = opened;
    this.#staging = staging;
  }

  copyRows(): Promise<void> {
    return this.write(() => this.#staging.insertWarm());
  }

  verifyCopies(): Promise<void> {
    return this.#staging.verifyWarm();
  }

  async commit(transitionId?: string): Promise<MoveOutcome> {
    this.signal.throwIfAborted();
    const outcome = await this.context.catalog.write.commitMove({
      opId: this.opId,
      faulty: this.#staging.faulty,
      now: this.context.now(),
      transitionId,
    });
    this.committed = true;
    followTexts(this.context, this.#opened, this.#staging.faulty);
    return outcome;
  }

  protected override release(): Promise<void> {
    this.#staging.close();
    return Promise.resolve();
  }
}

class EmbeddedCold extends OpenOperation implements ColdOperation {
  readonly rows: number;
  readonly found: number;
  readonly batchId: number;
  readonly #opened: OpenedMove;
  readonly #staging: MoveStaging;
  readonly #partition: ColdPartition;

  constructor(
    context: EngineContext,
    opened: OpenedMove,
    signal: AbortSignal,
    staging: MoveStaging,
    partition: ColdPartition,
  ) {
    super(context, opened.opId, signal);
    this.rows = opened.rows.length;
    this.found = staging.found;
    this.batchId = firstOf(opened.rows).newRowId;
    this.#opened = opened;
    this.#staging = staging;
    this.#partition = partition;
  }

  exportObject(path: string): Promise<void> {
    return this.write(() => this.#staging.exportCold(path));
  }

  async verifyObject(path: string, object: WrittenObject): Promise<void> {
    await this.#staging.verifyCold(path);
    await this.context.cold.adopt(object, path);
  }

  async commit(object: WrittenObject | undefined, transitionId?: string): Promise<MoveOutcome> {
    this.signal.throwIfAborted();
    const outcome = await this.context.catalog.write.commitCold({
      opId: this.opId,
      faulty: this.#staging.faulty,
      now: this.context.now(),
      transitionId,
      systemId: this.#partition.systemId,
      month: monthOf(this.#partition),
      found: this.found,
      object,
    });
    this.committed = true;
    followTexts(this.context, this.#opened, this.#staging.faulty);
    return outcome;
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

function monthOf({ year, month }: ColdPartition): string {
  return `${year}-${String(month).padStart(2, '0')}`;
}

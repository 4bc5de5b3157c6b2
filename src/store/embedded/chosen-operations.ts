import type {
  Chosen,
  ChosenRequest,
  ColdOperation,
  ColdPartitionDue,
  MoveOperation,
  MoveOutcome,
} from '../store.js';
import type { ChosenPage } from './catalog/chosen.js';
import type { OpenedMove } from './catalog/moves.js';
import type { EngineContext } from './context.js';
import { startCold, startMove } from './move-operations.js';
import { abandon, closeLeft, OpenOperation } from './open-operation.js';
import type { TableTier } from './tiers/tables.js';
import { ThawStaging } from './tiers/thawing.js';

/** See `MemoryStore.openChosenMove`. */
export async function openChosenMove(
  context: EngineContext,
  request: ChosenRequest,
  signal?: AbortSignal,
): Promise<Chosen<MoveOperation>> {
  const { opened, ...page } = await choose(context, request);
  return { ...page, operation: opened && (await startMove(context, opened, signal)) };
}

/** See `MemoryStore.openChosenCold`. */
export async function openChosenCold(
  context: EngineContext,
  request: ChosenRequest,
  signal?: AbortSignal,
): Promise<Chosen<ColdOperation & { readonly partition: ColdPartitionDue }>> {
  const { opened, partition, ...page } = await choose(context, request);
  if (opened === undefined || partition === null) return { ...page, operation: undefined };
  const due = { ...partition, rows: opened.rows.length };
  const operation = await startCold(context, opened, due, signal);
  return { ...page, operation: Object.assign(operation, { partition: due }) };
}

/** See `MemoryStore.openThaw`. */
export async function openThaw(
  context: EngineContext,
  request: ChosenRequest & { staysUntil: number },
  signal?: AbortSignal,
): Promise<Chosen<MoveOperation>> {
  const { opened, ...page } = await choose(context, request);
  return { ...page, operation: opened && (await startThaw(context, opened, request, signal)) };
}

/** What a page of a selection comes to, with the operation on what of it can be moved. */
type OpenedPage = Pick<Chosen<never>, 'selected' | 'next'> & {
  opened: OpenedMove | undefined;
  partition: ChosenPage['partition'];
};

async function choose(
  context: EngineContext,
  { selection, from, to, after, limit }: ChosenRequest,
): Promise<OpenedPage> {
  const { read, write } = context.catalog;
  await closeLeft(context);
  const { pids, next, partition } = await read.choosePage({ selection, from, to, after, limit });
  const systemId = partition?.systemId ?? null;
  const opened =
    pids.length === 0 ? undefined : await write.openChosen({ pids, from, to, systemId, ...context.lease() });
  return { opened, partition, selected: pids.length, next };
}

async function startThaw(
  context: EngineContext,
  opened: OpenedMove,
  request: ChosenRequest & { staysUntil: number },
  caller: AbortSignal | undefined,
): Promise<MoveOperation> {
  const { opId, rows } = opened;
  const { from, to } = request;
  // Nothing is thawed to cold.
  const target: TableTier = to === 'hot' ? 'hot' : 'warm';
  const signal = context.latch.open(opId, caller);
  try {
    const objects = from === 'cold' ? await context.catalog.read.sourceObjects(opId) : [];
    const staging = await context.cold.use(
      objects,
      (files) => ThawStaging.load(context.tiers, { from, to: target, opId, rows, files, signal }),
      { signal, goesFirst: true },
    );
    return new EmbeddedThaw(context, opened, signal, staging, request);
  } catch (error) {
    await abandon(context, opId);
    throw error;
  }
}

class EmbeddedThaw extends OpenOperation implements MoveOperation {
  readonly rows: number;
  readonly #staging: ThawStaging;
  readonly #request: ChosenRequest & { staysUntil: number };
  readonly #stage: string;

  constructor(
    context: EngineContext,
    opened: OpenedMove,
    signal: AbortSignal,
    staging: ThawStaging,
    request: ChosenRequest & { staysUntil: number },
  ) {
    super(context, opened.opId, signal);
    this.rows = opened.rows.length;
    this.#staging = staging;
    this.#request = request;
    this.#stage = `thaw/${opened.opId}`;
  }

  copyRows(): Promise<void> {
    return this.write(async () => {
      await this.#staging.insert();
      if (this.#request.from !== 'cold') return;
      for await (const texts of this.#staging.texts())
        await this.context.catalog.write.stageTexts(this.#stage, texts);
    });
  }

  verifyCopies(): Promise<void> {
    return this.#staging.verify();
  }

  async commit(): Promise<MoveOutcome> {
    this.signal.throwIfAborted();
    const { from, to, staysUntil } = this.#request;
    const outcome = await this.context.catalog.write.commitThaw({
      opId: this.opId,
      stage: this.#stage,
      from,
      to,
      faulty: this.#staging.faulty,
      staysUntil,
      now: this.context.now(),
    });
    this.committed = true;
    return outcome;
  }

  protected override async release(): Promise<void> {
    this.#staging.close();
    if (this.#request.from === 'cold') await this.context.catalog.write.dropStage(this.#stage);
  }
}

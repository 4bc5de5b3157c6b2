import { messageOf, type BatchSummary, type ColdPartitionPlan, type HeldRows } from '../contract/index.js';
import type { MaintenanceContext } from './context.js';
import { moveToCold, moveToWarm, type BatchOptions } from './transition.js';

/**
 * Batches under way at once. The steps of one wait for each other: for DuckDB, the catalog, the disk, this thread. With a second beside it two cores have
 * work; each takes its own rows, as those of two transitions do. A third would wait for the same writers. While somebody searches there is one: a search
 * needs a core too.
 */
const LANES = 2;

/** Either ends a round: its caller tells progress after each, and what was told to stop begins no other. */
const ROUND_ROWS = 50_000;
const ROUND_MS = 5_000;

/** Of one lane in a row: rows that change faster than they can be moved. */
const FRUITLESS_BATCHES = 2;

/**
 * Moves batches from hot to warm, until none is due or as many rows as a round has. Nothing is due any more where it returns 0 due. An error counts where
 * nothing was moved, or where the round was told to stop: the next round meets it again, and the rows of this one are not lost to its caller's count.
 */
export function moveRoundToWarm(
  context: MaintenanceContext,
  asOf: number,
  options: BatchOptions = {},
): Promise<BatchSummary> {
  return runRound(context, [() => moveToWarm(context, asOf, options)], options.signal);
}

/** The same from warm to cold, of several systems and months. */
export function moveRoundToCold(
  context: MaintenanceContext,
  asOf: number,
  partitions: readonly ColdPartitionPlan[],
  options: BatchOptions = {},
): Promise<BatchSummary> {
  return runRound(
    context,
    partitions.map((partition) => () => moveToCold(context, asOf, partition, options)),
    options.signal,
  );
}

type Move = () => Promise<BatchSummary>;

class Round {
  due = 0;
  moved = 0;
  paused = false;
  error: unknown;
  failed = false;
  readonly #held: HeldRows[] = [];
  readonly #endAt = performance.now() + ROUND_MS;
  /** Those of which there may be more. */
  #sources: readonly Move[];
  #turn = 0;

  constructor(sources: readonly Move[]) {
    this.#sources = sources;
  }

  /** One batch after the other, each of the source whose turn it is, until there is no more, or it may not go on. */
  async run(mayGoOn: (full: number) => boolean): Promise<void> {
    for (let fruitless = 0, full = 0; fruitless < FRUITLESS_BATCHES && mayGoOn(full);) {
      const source = this.#next();
      if (source === undefined) return;
      const batch = await source();
      this.#count(batch);
      if (batch.due > 0) full++;
      else this.#sources = this.#sources.filter((other) => other !== source);
      const isFruitless = batch.due > 0 && batch.moved === 0 && batch.held === undefined;
      fruitless = isFruitless ? fruitless + 1 : 0;
    }
  }

  fail(error: unknown): void {
    this.error ??= error;
    this.failed = true;
  }

  get summary(): BatchSummary {
    const { due, moved, paused } = this;
    return {
      due,
      moved,
      ...(this.#held.length === 0 ? {} : { held: sumHeld(this.#held) }),
      ...(paused ? { paused } : {}),
    };
  }

  #next(): Move | undefined {
    if (this.failed || this.paused || this.moved >= ROUND_ROWS || performance.now() > this.#endAt)
      return undefined;
    return this.#sources[this.#turn++ % this.#sources.length];
  }

  #count({ due, moved, held = [], paused }: BatchSummary): void {
    this.due += due;
    this.moved += moved;
    this.#held.push(...held);
    this.paused ||= paused === true;
  }
}

async function runRound(
  context: MaintenanceContext,
  sources: readonly Move[],
  signal: AbortSignal | undefined,
): Promise<BatchSummary> {
  const round = new Round(sources);
  const run = (mayGoOn: (full: number) => boolean): Promise<void> =>
    round.run(mayGoOn).catch((error: unknown) => round.fail(error));
  // A limited batch takes its seconds, and is no faster with a second beside it.
  if (context.pace?.isLimited === true) await run((full) => full < 1);
  else {
    const first = run(() => true);
    const others = Array.from({ length: LANES - 1 }, () => run(() => !context.store.isSearched()));
    await Promise.all([first, ...others]);
  }
  if (round.failed && (round.moved === 0 || signal?.aborted === true)) throw round.error;
  if (round.failed)
    context.log?.warn(
      { error: messageOf(round.error), moved: round.moved },
      'a batch failed beside others that were moved; it is tried again',
    );
  return round.summary;
}

/** By reason, as one batch tells it. */
function sumHeld(held: readonly HeldRows[]): HeldRows[] {
  const byReason = new Map<HeldRows['reason'], HeldRows>();
  for (const each of held) {
    const { rows = 0, example = each.example } = byReason.get(each.reason) ?? {};
    byReason.set(each.reason, { reason: each.reason, rows: rows + each.rows, example });
  }
  return [...byReason.values()];
}

import { stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { failPoint } from '../../faults/index.js';
import type { IncomingText } from './catalog/text-index.js';
import { IngestStaging, type StagedIngest } from './tiers/staging.js';
import type { TableTier } from './tiers/tables.js';
import type { TierDatabase } from './tiers/tier-database.js';

export interface GroupLimits {
  rows: number;
  /** Of the rows files, compressed. */
  bytes: number;
}

/**
 * What shares a transaction: with a hundred rows an ingest, statements cost next to nothing each by then. It is written within a second or
 * two, which is as long as one may have to wait for the rest of its group. 10,000 common rows have 20 MB, but a text may have 16 MiB.
 */
const LIMITS: GroupLimits = { rows: 10_000, bytes: 32 * 2 ** 20 };

/**
 * How long a group gathers where others were written just before it: for each of those so long, since they tell how many come, until `ingests` wait,
 * half of what a server has in hand, and no longer than `mostMs`. Each group has a statement for every period that its rows are of, twenty for
 * a year of memories, at 2 ms each: of 100 rows the insert takes 14 ms of CPU in a group of six, 9 in one of thirteen and 7 in one of 26.
 */
const GATHER = { msForEach: 60, mostMs: 500, ingests: 16 };

const TIERS: readonly TableTier[] = ['hot', 'warm'];

/** One ingest's rows, which stand in their tiers. */
export interface InsertedRows {
  /** The texts, where those of the whole group are few enough for memory. */
  readonly fewTexts: readonly IncomingText[] | undefined;
  /** The texts otherwise, in parts. */
  texts(): AsyncIterable<IncomingText[]>;
  exportJournal(path: string): Promise<void>;
  close(): void;
}

interface Waiting {
  ingest: StagedIngest;
  rows: number;
  /** Of the rows file. */
  bytes: number;
  /** The operation's. */
  signal: AbortSignal;
  /** Where its rows stand already: a row id is inserted once. */
  standing: Set<TableTier>;
  resolve: (inserted: InsertedRows) => void;
  reject: (error: unknown) => void;
}

/**
 * Group commit of step 2: ingests of different systems that wait at the same time write their rows together. Each is still an
 * operation of its own, which commits in the catalog, or leaves garbage, by itself; and where a group fails, its ingests are tried one by
 * one, so that only the one at fault does.
 */
export class InsertQueue {
  readonly #tiers: TierDatabase;
  readonly #limits: GroupLimits;
  #waiting: Waiting[] = [];
  #running = false;
  /** Ends the gathering. */
  #enough: () => void = () => undefined;

  constructor(tiers: TierDatabase, limits = LIMITS) {
    this.#tiers = tiers;
    this.#limits = limits;
  }

  /**
   * Inserts the rows of an operation into their tiers; the caller closes what it gets. To be run as a write of the operation: once
   * that is closed, nothing of it lands any more. In a group it is not interrupted, and costs its caller the group's second.
   */
  async insert(ingest: StagedIngest, signal: AbortSignal): Promise<InsertedRows> {
    const { size: bytes } = await stat(ingest.rowsFile);
    return new Promise((resolve, reject) => {
      const rows = ingest.rows.length + ingest.deletions.length;
      const waiting = { ingest, rows, bytes, signal, standing: new Set<TableTier>(), resolve, reject };
      // A whole database would hold up the others: beside them it takes turns at the tiers alone.
      if (!this.#fits({ rows, bytes })) return void insertGroup(this.#tiers, [waiting]);
      this.#waiting.push(waiting);
      if (this.#waiting.length >= GATHER.ingests) this.#enough();
      if (!this.#running) void this.#run();
    });
  }

  /** One group at a time: while it writes, the next one gathers. */
  async #run(): Promise<void> {
    this.#running = true;
    while (this.#waiting.length > 0) {
      const group = this.#next();
      await insertGroup(this.#tiers, group);
      // Whoever comes after a pause is alone, and waits for nobody.
      if (this.#waiting.length > 0) await this.#gather(group.length);
    }
    this.#running = false;
  }

  /** Returns once enough wait, or have waited long enough. */
  async #gather(before: number): Promise<void> {
    if (this.#waiting.length >= GATHER.ingests) return;
    const enough = new AbortController();
    this.#enough = () => enough.abort();
    const ms = Math.min(before * GATHER.msForEach, GATHER.mostMs);
    await sleep(ms, undefined, { signal: enough.signal }).catch(() => undefined);
    this.#enough = () => undefined;
  }

  /** In their order, so that nobody waits for ever. */
  #next(): Waiting[] {
    const group: Waiting[] = [];
    let [rows, bytes] = [0, 0];
    for (const waiting of this.#waiting) {
      rows += waiting.rows;
      bytes += waiting.bytes;
      if (!this.#fits({ rows, bytes })) break;
      group.push(waiting);
    }
    this.#waiting = this.#waiting.slice(group.length);
    return group;
  }

  #fits({ rows, bytes }: GroupLimits): boolean {
    return rows <= this.#limits.rows && bytes <= this.#limits.bytes;
  }
}

/** Settles every one of them. */
async function insertGroup(tiers: TierDatabase, group: readonly Waiting[]): Promise<void> {
  const open = group.filter(({ signal, reject }) => {
    if (signal.aborted) reject(signal.reason);
    return !signal.aborted;
  });
  if (open.length === 0) return;
  try {
    await insertTogether(tiers, open);
  } catch (error) {
    const [only, ...others] = open;
    if (others.length === 0) return only?.reject(error);
    for (const waiting of open) await insertGroup(tiers, [waiting]);
  }
}

async function insertTogether(tiers: TierDatabase, group: readonly Waiting[]): Promise<void> {
  const staging = await IngestStaging.load(
    tiers,
    group.map(({ ingest }) => ingest),
    whenAllAborted(group.map(({ signal }) => signal)),
  );
  try {
    for (const tier of TIERS) {
      if (group.every(({ standing }) => standing.has(tier))) continue;
      await staging.insert(tier);
      for (const { standing } of group) standing.add(tier);
      if (tier === 'hot') failPoint('ingest.after-hot-insert');
    }
    const texts = await staging.textsTogether();
    const shared = new SharedStaging(staging, group.length, texts);
    for (const { ingest, resolve } of group) resolve(shared.of(ingest.opId));
  } catch (error) {
    staging.close();
    throw error;
  }
}

/** A group goes on for as long as one of it does. */
function whenAllAborted(signals: readonly AbortSignal[]): AbortSignal {
  const controller = new AbortController();
  let left = signals.length;
  for (const signal of signals) {
    const abort = (): void => {
      if (--left === 0) controller.abort(signal.reason);
    };
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
  }
  return controller.signal;
}

/** Closes the group's connection when the last of the group is through with it. */
class SharedStaging {
  readonly #staging: IngestStaging;
  readonly #together: ReadonlyMap<number, IncomingText[]> | undefined;
  #users: number;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(
    staging: IngestStaging,
    users: number,
    together: ReadonlyMap<number, IncomingText[]> | undefined,
  ) {
    this.#staging = staging;
    this.#together = together;
    this.#users = users;
  }

  of(opId: number): InsertedRows {
    let closed = false;
    return {
      fewTexts: this.#together === undefined ? undefined : (this.#together.get(opId) ?? []),
      texts: () => this.#texts(opId),
      exportJournal: (path) => this.#inTurn(() => this.#staging.exportJournal(opId, path)),
      close: () => {
        if (closed) return;
        closed = true;
        if (--this.#users === 0) this.#staging.close();
      },
    };
  }

  async *#texts(opId: number): AsyncGenerator<IncomingText[]> {
    const parts = this.#staging.texts(opId);
    for (;;) {
      const part = await this.#inTurn(() => parts.next());
      if (part.done === true) return;
      yield part.value;
    }
  }

  /** A connection runs one statement at a time, and interrupting it ends whichever runs. */
  #inTurn<T>(statement: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(statement);
    this.#turn = turn.catch(() => undefined);
    return turn;
  }
}

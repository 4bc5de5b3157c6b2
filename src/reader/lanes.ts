import { AkoshaError } from '../contract/index.js';
import { readerFailed } from './reader-failed.js';

export interface SlowLaneOptions {
  /** How long a job keeps the place that another waits for, in milliseconds. */
  afterMs: number;
  /** Jobs at once, beside those of the quick lane. */
  size: number;
  /** Jobs that may wait for it. Beyond them `ReaderFailed` of the machine is raised: whoever asks comes again later. */
  waiting: number;
  /** Told of an owner whose jobs are slow from now on. */
  onSlow?: (owner: string) => void;
}

export interface LaneOptions {
  /** Jobs at once. */
  size: number;
  /** Where jobs that take long go. By default they stay where they are. */
  slow?: SlowLaneOptions | undefined;
}

type Lane = 'quick' | 'slow';

export type Work<T> = (signal: AbortSignal, begin: () => void) => Promise<T>;

/** One try at one job. */
interface Turn {
  owner: string | undefined;
  /** Slow from its beginning: its owner's last job was, or it gave way itself. */
  slow: boolean;
  /** Gave way once, and is not begun again where it would have to a second time. */
  settled: boolean;
  lane: Lane;
  /** Has run for longer than others are to wait for it. */
  long: boolean;
  /** Has been told to give way. */
  leaving: boolean;
  stop: AbortController;
  go: () => void;
  fail: (error: AkoshaError) => void;
}

/** Some hundred kilobytes. Whoever is forgotten is quick again until it shows. */
const OWNERS_KEPT = 10_000;

/**
 * Who may run when there are more jobs than readers: first come, first served, but what takes long gives way to what waits. It goes on
 * in the slow lane where that has a place, and is ended and begun anew there where it has none. Its owner's next jobs are slow
 * from the beginning, until one of them was quick: they have the slow lane, and what nobody else wants of the quick one. So an owner costs
 * all the others the time of `afterMs` once, however long its jobs hang, and where all are slow no place stands idle.
 */
export class Lanes {
  readonly #size: number;
  readonly #slow: SlowLaneOptions | undefined;
  readonly #waiting: Record<Lane, Turn[]> = { quick: [], slow: [] };
  readonly #running = new Set<Turn>();
  readonly #slowOwners = new Set<string>();

  constructor({ size, slow }: LaneOptions) {
    this.#size = size;
    this.#slow = slow;
  }

  /**
   * Runs `work` when there is a place, perhaps twice: its signal is the caller's, and fires as well where it has to give way. It calls `begin` when
   * its time begins: to start a reader is no fault of the job's. Without an owner it never gives way. Raises `Cancelled` where the caller's signal fires while it waits.
   */
  async run<T>(owner: string | undefined, signal: AbortSignal | undefined, work: Work<T>): Promise<T> {
    const slow = owner !== undefined && this.#slowOwners.has(owner);
    const first = await this.#try({ owner, slow, settled: false }, signal, work);
    if (first !== 'gave way') return first.result;
    const second = await this.#try({ owner, slow: true, settled: true }, signal, work);
    if (second !== 'gave way') return second.result;
    throw new Error('a job gave way twice');
  }

  /** Ends the wait of all who wait. */
  refuse(error: AkoshaError): void {
    for (const turn of [...this.#waiting.quick, ...this.#waiting.slow]) turn.fail(error);
  }

  async #try<T>(
    kind: Pick<Turn, 'owner' | 'slow' | 'settled'>,
    signal: AbortSignal | undefined,
    work: Work<T>,
  ): Promise<{ result: T } | 'gave way'> {
    const turn = await this.#enter(kind, signal);
    let timer: NodeJS.Timeout | undefined;
    const begin = (): void => {
      timer ??= this.#slow && setTimeout(() => this.#becomesLong(turn), this.#slow.afterMs);
    };
    const onAbort = (): void => turn.stop.abort(signal?.reason);
    signal?.addEventListener('abort', onAbort, { once: true });
    if (signal?.aborted === true) onAbort();
    try {
      return { result: await work(turn.stop.signal, begin) };
    } catch (error) {
      if (turn.leaving && signal?.aborted !== true) return 'gave way';
      throw error;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      this.#running.delete(turn);
      if (turn.slow && !turn.leaving && !turn.long) this.#forget(turn.owner);
      this.#dispatch();
    }
  }

  /** Resolves when there is a place for it. */
  async #enter(
    kind: Pick<Turn, 'owner' | 'slow' | 'settled'>,
    signal: AbortSignal | undefined,
  ): Promise<Turn> {
    if (signal?.aborted === true) throw cancelled(signal);
    const queue = this.#waiting[kind.slow ? 'slow' : 'quick'];
    return new Promise<Turn>((resolve, reject) => {
      const leave = (): void => {
        const at = queue.indexOf(turn);
        if (at !== -1) queue.splice(at, 1);
        signal?.removeEventListener('abort', onAbort);
      };
      const onAbort = (): void => turn.fail(cancelled(signal));
      const turn: Turn = {
        ...kind,
        lane: 'quick',
        long: false,
        leaving: false,
        stop: new AbortController(),
        go: () => {
          leave();
          resolve(turn);
        },
        fail: (error) => {
          leave();
          reject(error);
        },
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      queue.push(turn);
      this.#dispatch();
      const limit = this.#slow?.waiting ?? Infinity;
      if (kind.slow && queue.length > limit && queue.includes(turn)) turn.fail(laneFull(limit));
    });
  }

  /** Places go to whom they are for, and then to whoever can use them. */
  #dispatch(): void {
    const { quick, slow } = this.#waiting;
    this.#makeRoom();
    while (this.#isFree('quick')) if (!this.#start(quick[0], 'quick')) break;
    while (this.#isFree('slow')) if (!this.#start(slow[0], 'slow')) break;
    while (this.#isFree('quick')) {
      const guest = slow.find(({ settled }) => !settled);
      if (!this.#start(guest, 'quick')) break;
    }
  }

  #start(turn: Turn | undefined, lane: Lane): boolean {
    if (turn === undefined) return false;
    turn.lane = lane;
    this.#running.add(turn);
    turn.go();
    return true;
  }

  /** As many give way as wait in vain, those that began first. */
  #makeRoom(): void {
    const inQuick = [...this.#running].filter(({ lane }) => lane === 'quick');
    const leaving = inQuick.filter((turn) => turn.leaving).length;
    const room = Math.max(0, this.#size - inQuick.length) + leaving;
    const giving = inQuick.filter((turn) => this.#givesWay(turn));
    for (const turn of giving.slice(0, Math.max(0, this.#waiting.quick.length - room))) {
      this.#remember(turn.owner);
      if (this.#isFree('slow')) turn.lane = 'slow';
      else leave(turn);
    }
  }

  #givesWay(turn: Turn): boolean {
    if (this.#slow === undefined || turn.owner === undefined || turn.leaving) return false;
    return turn.slow || turn.long;
  }

  #isFree(lane: Lane): boolean {
    const size = lane === 'quick' ? this.#size : (this.#slow?.size ?? 0);
    return [...this.#running].filter((turn) => turn.lane === lane).length < size;
  }

  #becomesLong(turn: Turn): void {
    turn.long = true;
    this.#dispatch();
  }

  #remember(owner: string | undefined): void {
    if (owner === undefined) return;
    if (!this.#slowOwners.delete(owner)) this.#slow?.onSlow?.(owner);
    this.#slowOwners.add(owner);
    const [oldest] = this.#slowOwners;
    if (this.#slowOwners.size > OWNERS_KEPT && oldest !== undefined) this.#slowOwners.delete(oldest);
  }

  #forget(owner: string | undefined): void {
    if (owner !== undefined) this.#slowOwners.delete(owner);
  }
}

function leave(turn: Turn): void {
  turn.leaving = true;
  turn.stop.abort();
}

function cancelled(signal: AbortSignal | undefined): AkoshaError {
  return new AkoshaError('Cancelled', 'cancelled while waiting for a reader', { cause: signal?.reason });
}

function laneFull(waiting: number): AkoshaError {
  return readerFailed(
    `${waiting} uploads that take long to read are waiting already; this one's turn comes later`,
    {
      machine: true,
    },
  );
}

import { messageOf } from '../../../src/contract/index.js';
import type { FailPoint } from '../../../src/faults/index.js';
import type { FailingWorld } from './fault-kinds.js';
import type { Places } from './model.js';
import type { Operation } from './operations.js';
import {
  checkSearch,
  MOST_ATTEMPTS,
  oneOf,
  random,
  requireTransient,
  SORTS,
  untilDone,
  type Sort,
} from './promise.js';
import { listener } from './reached.js';

/** How long a fault lasts for what does not end before it is over. */
const PASSING_MS = 300;

/** A random sequence of operations and faults. The seed alone decides it, but for how threads and requests take turns. */
export class Sequence {
  /** What happened, for whoever looks into a failure. */
  readonly trace: string[] = [];
  /** Where the fault struck. */
  readonly struck: FailPoint[] = [];
  readonly #random: () => number;
  #besides = 0;
  /** Where memories were when the last attempt began. */
  #placesBefore: Places = [];

  constructor(
    private readonly failing: FailingWorld,
    private readonly operations: Readonly<Record<string, Operation>>,
    seed: number,
  ) {
    this.#random = random(seed);
  }

  /** The fault at each point, once. */
  async run(): Promise<void> {
    const left = Object.entries(this.operations).map(([name, operation]) => ({
      name,
      operation,
      points: [...operation.points],
    }));
    for (;;) {
      const some = left.filter(({ points }) => points.length > 0);
      if (some.length === 0) return;
      const { name, operation, points } = this.#one(some);
      this.trace.push(`prepares ${name}`);
      await operation.prepare();
      await this.#carryOut(name, operation, points);
    }
  }

  /** One of an operation from its beginning to its end, with as many faults on its way as it comes to. What has struck is taken from the points. */
  async #carryOut(name: string, operation: Operation, points: FailPoint[]): Promise<void> {
    for (let attempts = 1; points.length > 0; attempts++) {
      // Of the earliest, so that there is more to come.
      const point = this.#one(points.slice(0, 2));
      const { isStruck, isDone } = await this.#attempt(operation, point);
      if (isStruck) {
        points.splice(points.indexOf(point), 1);
        attempts = 0;
      }
      await this.#search('once it is over', 'relevance');
      if (isDone) return;
      if (attempts === MOST_ATTEMPTS) throw new Error(`${name} does not come to ${point}`);
    }
    await untilDone(() => operation.attempt());
    await this.#search('once it is done', 'relevance');
  }

  /** With another system's ingest and searches beside it. Whatever fails, and however far it came, is done once the fault is over. */
  async #attempt(operation: Operation, point: FailPoint): Promise<{ isStruck: boolean; isDone: boolean }> {
    const { world, ways, fail, heal } = this.failing;
    await world.arrive('beside', [
      { id: `b${++this.#besides % 7}`, text: `memory beside ${this.#besides}`, age: this.#one([1, 30, 120]) },
    ]);
    this.#placesBefore = world.isServing ? [world.places()] : [];
    // Chosen now: what strikes when is not the seed's alone.
    const way = this.#one([...ways.keys()]);
    const [strikes, lasts] = [this.#one(SORTS), this.#one(SORTS)];
    const searches: Promise<void>[] = [];
    const before = this.struck.length;
    let passing: NodeJS.Timeout | undefined;
    listener.tell = (reached) => {
      if (reached !== point || this.struck.length > before) return;
      this.struck.push(point);
      fail(way);
      if (operation.goesOn) passing = setTimeout(heal, PASSING_MS);
      const search = this.#search('when it strikes', strikes);
      // It may fail before the attempt is over; that is told below.
      search.catch(() => undefined);
      searches.push(search);
    };
    const [done] = await Promise.allSettled([operation.attempt(), this.#ingestBeside()]).finally(() => {
      listener.tell = () => undefined;
    });
    searches.push(this.#search('while it lasts', lasts));
    await Promise.all(searches);
    clearTimeout(passing);
    heal();
    const isStruck = this.struck.length > before;
    const isDone = done.status === 'fulfilled';
    const outcome = isDone ? 'done' : messageOf(done.reason);
    this.trace.push(`${point}: ${isStruck ? ways[way] : 'not reached'}: ${outcome}`);
    if (!isDone) requireTransient(done.reason);
    await this.#restartWhereDead();
    if (world.isServing) await untilDone(() => world.drain('beside'));
    return { isStruck, isDone };
  }

  /** As whoever watches the server's readiness does. */
  async #restartWhereDead(): Promise<void> {
    const { world } = this.failing;
    const failure = world.isServing ? world.store.failure() : undefined;
    if (failure === undefined) return;
    this.trace.push(`restarts: ${failure.message}`);
    await world.closeStore();
    await world.openStore();
  }

  async #ingestBeside(): Promise<void> {
    const { world } = this.failing;
    if (!world.isServing) return;
    try {
      await world.drain('beside');
    } catch (error) {
      requireTransient(error);
    }
  }

  async #search(when: string, sort: Sort): Promise<void> {
    await checkSearch(this.failing.world, { when, sort, placesBefore: this.#placesBefore });
  }

  #one<T>(choices: readonly T[]): T {
    return oneOf(choices, this.#random);
  }
}

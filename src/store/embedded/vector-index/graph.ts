import usearch from 'usearch';
import { EMBEDDING_DIMENSIONS } from '../../../memory/index.js';

/**
 * usearch's own defaults for a node's neighbours and for how widely a new one's are looked for. A search looks as widely as it fetches, and at
 * least at 64.
 */
const CONNECTIVITY = 16;
const EXPANSION_ADD = 128;
const EXPANSION_SEARCH = 64;

/** Numbers from here on, and their keys, are of no slots but of fillers. */
const FIRST_FILLER = 2 ** 40;

/**
 * usearch finds a key by its lowest bits, and to remove one it reads on to the next place that is free. Slots in a row would leave none: of 100,000
 * each took half a millisecond to remove, and now four microseconds. Times an odd number modulo 2^32 they lie evenly; times its
 * inverse they are back.
 */
const SPREAD = 0x9e3779b1;
const GATHER = 0x0e8b2f51;

/** What is kept of a graph beside usearch's own bytes. */
export interface GraphState {
  /** Keys of the nodes that hold noise: from, inclusive, to until, exclusive. */
  fillers: { from: number; until: number };
}

/**
 * usearch's graph over the slots of the index, 8 bits a component (HNSW: Malkov and Yashunin, 2016). It finds candidates; the matrix tells how
 * good they are. Every call is synchronous.
 *
 * usearch cannot overwrite what it removes, and cannot read a graph from which something was removed. So before it is saved, nodes of noise
 * are added until they have taken all free places (`scrub`), and nothing is left of a vector that is gone; a later row takes the place of such a
 * node.
 */
export class Graph {
  readonly #index = new usearch.Index({
    dimensions: EMBEDDING_DIMENSIONS,
    metric: usearch.MetricKind.Cos,
    quantization: usearch.ScalarKind.I8,
    connectivity: CONNECTIVITY,
    expansion_add: EXPANSION_ADD,
    expansion_search: EXPANSION_SEARCH,
    multi: false,
  });
  /** Nodes whose row is gone: usearch keeps their vectors until it needs their place. */
  #free = 0;
  #fillers = { from: FIRST_FILLER, until: FIRST_FILLER };

  /** Of rows, without fillers. */
  get size(): number {
    return this.#index.size() - this.#fillerCount;
  }

  get state(): GraphState {
    return { fillers: { ...this.#fillers } };
  }

  get #fillerCount(): number {
    return this.#fillers.until - this.#fillers.from;
  }

  /** Some tenths of a millisecond each. */
  add(slots: readonly number[], rowOf: (slot: number) => Int16Array): void {
    const rows = new Float32Array(slots.length * EMBEDDING_DIMENSIONS);
    slots.forEach((slot, i) => rows.set(rowOf(slot), i * EMBEDDING_DIMENSIONS));
    for (let missing = slots.length - this.#free; missing > 0 && this.#fillerCount > 0; missing--) {
      this.#index.remove(keyOf(this.#fillers.from++));
      this.#free++;
    }
    this.#index.add(BigUint64Array.from(slots, keyOf), rows, 1);
    this.#free = Math.max(0, this.#free - slots.length);
  }

  remove(slot: number): void {
    if (this.#index.remove(keyOf(slot)) === 1) this.#free++;
  }

  /** Slots near a vector, at most `count`, nearest first as far as 8 bits can tell. */
  search(vector: Float32Array, count: number): number[] {
    if (this.#index.size() === 0) return [];
    const { keys } = this.#index.search(vector, count, 1);
    const slots: number[] = [];
    for (const key of keys) if (key < FIRST_FILLER) slots.push(slotOf(key));
    return slots;
  }

  /** Overwrites some of what was removed; call it until it returns true. */
  scrub(atMost: number): boolean {
    const count = Math.min(atMost, this.#free);
    if (count > 0) {
      const noise = Float32Array.from({ length: count * EMBEDDING_DIMENSIONS }, () => Math.random() - 0.5);
      const keys = BigUint64Array.from({ length: count }, (_, i) => keyOf(this.#fillers.until + i));
      this.#index.add(keys, noise, 1);
      this.#fillers.until += count;
      this.#free -= count;
    }
    return this.#free === 0;
  }

  /** Only once all is scrubbed: usearch 2.25.3 writes beyond its memory when it reads a graph from which nodes were removed. */
  save(path: string): void {
    if (this.#free > 0) throw new Error(`a graph with ${this.#free} free nodes cannot be saved`);
    this.#index.save(path);
  }

  /**
   * Reads what `save` wrote at the beginning of a file; what follows it is let alone. Only of a file whose checksum is right: usearch brings
   * the process down over one that is not whole.
   */
  load(path: string, state: GraphState): void {
    this.#index.load(path);
    this.#free = 0;
    this.#fillers = { ...state.fillers };
  }
}

/** Of a slot, or of a filler. */
function keyOf(number: number): bigint {
  const first = number < FIRST_FILLER ? 0 : FIRST_FILLER;
  return BigInt(first + (Math.imul(number - first, SPREAD) >>> 0));
}

function slotOf(key: bigint): number {
  return Math.imul(Number(key), GATHER) >>> 0;
}

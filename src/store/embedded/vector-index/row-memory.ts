import { EMBEDDING_DIMENSIONS } from '../../../memory/index.js';
import { DOT_PRODUCT } from './dot-product-module.js';

const PAGE_BYTES = 65_536;
const ROW_BYTES = EMBEDDING_DIMENSIONS * Int16Array.BYTES_PER_ELEMENT;

/** Rows that are added at once: 6 MB, 96 pages to the byte. */
export const BLOCK_ROWS = 8192;
const BLOCK_PAGES = (BLOCK_ROWS * ROW_BYTES) / PAGE_BYTES;

/** 768 MiB of the 4 GiB that 32 bits address. Each memory takes as much address space as could ever be addressed in it, so there are to be few. */
export const MEMORY_ROWS = 2 ** 20;
const MEMORY_BLOCKS = MEMORY_ROWS / BLOCK_ROWS;

const program = new WebAssembly.Module(DOT_PRODUCT);

/** Up to `MEMORY_ROWS` rows of the matrix, in a memory that WebAssembly's vector instructions can read. The first page is the query's. */
export class RowMemory {
  readonly #memory = new WebAssembly.Memory({ initial: 1, maximum: 1 + MEMORY_BLOCKS * BLOCK_PAGES });
  readonly #dot: (address: number) => number;
  #rows = new Int16Array(0);

  constructor() {
    const { dot } = new WebAssembly.Instance(program, { rows: { memory: this.#memory } }).exports;
    if (typeof dot !== 'function') throw new Error('dot-product.wat exports no function dot');
    this.#dot = dot;
  }

  /** One more block. What `row` and `rows` gave before is of no use from then on. */
  grow(): void {
    this.#memory.grow(BLOCK_PAGES);
    this.#rows = new Int16Array(this.#memory.buffer, PAGE_BYTES);
  }

  row(index: number): Int16Array {
    return this.rows(index, 1);
  }

  rows(from: number, count: number): Int16Array {
    return this.#rows.subarray(from * EMBEDDING_DIMENSIONS, (from + count) * EMBEDDING_DIMENSIONS);
  }

  /** What `dot` compares with from now on. */
  ask(vector: Float32Array): void {
    new Float32Array(this.#memory.buffer, 0, EMBEDDING_DIMENSIONS).set(vector);
  }

  /** The dot product of a row and what was asked for last. */
  dot(index: number): number {
    return this.#dot(PAGE_BYTES + index * ROW_BYTES);
  }
}

import { EMBEDDING_DIMENSIONS } from '../../../memory/index.js';

/** Rows of one block: 6 MB, so that growing copies nothing and leaves little empty. */
const BLOCK_ROWS = 8192;
const BLOCK_ITEMS = BLOCK_ROWS * EMBEDDING_DIMENSIONS;

/** The greatest component of a row that came as floating point. */
const PEAK = 32_767;

/**
 * Vectors in 16 bits a component, each in steps of its own. 8 bits would do for those of warm, which have no more, but lose two in a hundred
 * of the ten best among hot's near equals; these lose none.
 */
export class Matrix {
  readonly #blocks: Int16Array[] = [];
  /** 1 / length of each row in its own steps. */
  readonly #inverse: Float32Array[] = [];

  get bytes(): number {
    return this.#blocks.length * BLOCK_ROWS * (EMBEDDING_DIMENSIONS * 2 + 4);
  }

  /** Makes room for so many rows. */
  grow(rows: number): void {
    while (this.#blocks.length * BLOCK_ROWS < rows) {
      this.#blocks.push(new Int16Array(BLOCK_ITEMS));
      this.#inverse.push(new Float32Array(BLOCK_ROWS));
    }
  }

  /** The first rows, block by block. */
  *parts(rows: number): Generator<Int16Array> {
    for (const [i, block] of this.#blocks.entries()) {
      const items = (rows - i * BLOCK_ROWS) * EMBEDDING_DIMENSIONS;
      if (items > 0) yield block.subarray(0, Math.min(items, BLOCK_ITEMS));
    }
  }

  /** The row's part of its block. */
  row(slot: number): Int16Array {
    const from = (slot % BLOCK_ROWS) * EMBEDDING_DIMENSIONS;
    return this.#block(slot).subarray(from, from + EMBEDDING_DIMENSIONS);
  }

  set(slot: number, row: Int16Array): void {
    this.row(slot).set(row);
    this.measure(slot);
  }

  clear(slot: number): void {
    this.row(slot).fill(0);
    this.measure(slot);
  }

  /** Takes down the length of a row that was written to. */
  measure(slot: number): void {
    const length = Math.sqrt(squares(this.row(slot)));
    const inverse = this.#inverse[Math.floor(slot / BLOCK_ROWS)];
    if (inverse !== undefined) inverse[slot % BLOCK_ROWS] = length === 0 ? 0 : 1 / length;
  }

  /** The cosine between a row and a vector of length 1. */
  cosine(slot: number, vector: Float32Array): number {
    const from = (slot % BLOCK_ROWS) * EMBEDDING_DIMENSIONS;
    const block = this.#block(slot);
    let [a, b, c, d] = [0, 0, 0, 0];
    // Four sums, which the processor adds up side by side.
    for (let i = 0; i < EMBEDDING_DIMENSIONS; i += 4) {
      a += (vector[i] ?? 0) * (block[from + i] ?? 0);
      b += (vector[i + 1] ?? 0) * (block[from + i + 1] ?? 0);
      c += (vector[i + 2] ?? 0) * (block[from + i + 2] ?? 0);
      d += (vector[i + 3] ?? 0) * (block[from + i + 3] ?? 0);
    }
    return (a + b + c + d) * (this.#inverse[Math.floor(slot / BLOCK_ROWS)]?.[slot % BLOCK_ROWS] ?? 0);
  }

  #block(slot: number): Int16Array {
    const block = this.#blocks[Math.floor(slot / BLOCK_ROWS)];
    if (block === undefined) throw new Error(`the vector index has no row ${slot}`);
    return block;
  }
}

/** Undefined for what has no direction: zero, or with a component that is no number. */
export function quantised(vector: Float32Array | Int8Array): Int16Array | undefined {
  if (vector instanceof Int8Array)
    return vector.some((step) => step !== 0) ? Int16Array.from(vector) : undefined;
  let peak = 0;
  for (const x of vector) {
    if (!Number.isFinite(x)) return undefined;
    peak = Math.max(peak, Math.abs(x));
  }
  if (peak === 0) return undefined;
  const row = new Int16Array(vector.length);
  for (let i = 0; i < row.length; i++) row[i] = Math.round(((vector[i] ?? 0) / peak) * PEAK);
  return row;
}

/** Of length 1; undefined for what has no direction. */
export function normalised(vector: Float32Array): Float32Array | undefined {
  const length = Math.hypot(...vector);
  return Number.isFinite(length) && length > 0 ? vector.map((x) => x / length) : undefined;
}

export function cosineOf(a: Int16Array, b: Int16Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] ?? 0) * (b[i] ?? 0);
  return sum / Math.sqrt(squares(a) * squares(b));
}

function squares(row: Int16Array): number {
  let sum = 0;
  for (const x of row) sum += x * x;
  return sum;
}

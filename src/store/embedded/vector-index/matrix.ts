import { EMBEDDING_DIMENSIONS } from '../../../memory/index.js';
import { BLOCK_ROWS, MEMORY_ROWS, RowMemory } from './row-memory.js';

/** The greatest component of a row that came as floating point. */
const PEAK = 32_767;

/**
 * Vectors in 16 bits a component, each in steps of its own. 8 bits would do for those of warm, which have no more, but lose two in a hundred
 * of the ten best among hot's near equals; these lose none.
 */
export class Matrix {
  readonly #memories: RowMemory[] = [];
  /** 1 / length of each row in its own steps, block by block. */
  readonly #inverse: Float32Array[] = [];

  get bytes(): number {
    return this.#inverse.length * BLOCK_ROWS * (EMBEDDING_DIMENSIONS * 2 + 4);
  }

  /** Makes room for so many rows, block by block: nothing is copied, and little stays empty. */
  grow(rows: number): void {
    while (this.#inverse.length * BLOCK_ROWS < rows) {
      const memory = Math.floor((this.#inverse.length * BLOCK_ROWS) / MEMORY_ROWS);
      (this.#memories[memory] ??= new RowMemory()).grow();
      this.#inverse.push(new Float32Array(BLOCK_ROWS));
    }
  }

  /** The first rows, block by block. */
  *parts(rows: number): Generator<Int16Array> {
    for (let from = 0; from < rows; from += BLOCK_ROWS)
      yield this.#memory(from).rows(from % MEMORY_ROWS, Math.min(BLOCK_ROWS, rows - from));
  }

  /** The row's part of the memory, until that grows. */
  row(slot: number): Int16Array {
    return this.#memory(slot).row(slot % MEMORY_ROWS);
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

  /** What tells the cosine between a row and a vector of length 1: until it is asked of another vector, or the matrix grows. */
  cosineWith(vector: Float32Array): (slot: number) => number {
    for (const memory of this.#memories) memory.ask(vector);
    return (slot) => {
      const inverse = this.#inverse[Math.floor(slot / BLOCK_ROWS)]?.[slot % BLOCK_ROWS] ?? 0;
      return this.#memory(slot).dot(slot % MEMORY_ROWS) * inverse;
    };
  }

  #memory(slot: number): RowMemory {
    const memory = this.#memories[Math.floor(slot / MEMORY_ROWS)];
    if (memory === undefined) throw new Error(`the vector index has no row ${slot}`);
    return memory;
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

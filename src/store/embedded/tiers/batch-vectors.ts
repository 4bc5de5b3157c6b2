import { ARRAY, BIGINT, BLOB, DuckDBDataChunk, FLOAT, TINYINT } from '@duckdb/node-api';
import duckdb from '@duckdb/node-bindings';
import { EMBEDDING_DIMENSIONS } from '../../../memory/index.js';
import { nullComponents, type NullComponents } from './array-nulls.js';
import { SMALLEST_PEAK } from './tables.js';
import { arrayBytes, floats } from './vectors-of-rows.js';

/**
 * What becomes of the vectors of a batch, on the calling thread, a few rows at a time: some four microseconds each. DuckDB's own lambdas took five times
 * that, and to keep the vectors of hot in a temporary table as much again.
 */

/** Rows of a part. */
export interface Slice {
  from: number;
  until: number;
}

/** The vectors of a part read from hot or warm, as they lie in memory. */
export class VectorPart {
  readonly ids: readonly number[];
  readonly rowCount: number;
  readonly bytes: Uint8Array;
  readonly nulls: NullComponents;
  readonly #without: readonly unknown[];

  /** What to read: the new row id, the vector, and whether there is none. */
  static columns(vector: 'embedding' | 'vector'): string {
    return `b.new_row_id, t.${vector}, t.${vector} IS NULL`;
  }

  constructor(part: DuckDBDataChunk, bytesPerComponent: 1 | 4) {
    const { chunk, rowCount } = part;
    this.rowCount = rowCount;
    this.ids = part.getColumnValues(0).map(Number);
    this.bytes = arrayBytes(chunk, 1, rowCount * EMBEDDING_DIMENSIONS * bytesPerComponent);
    this.nulls = nullComponents(chunk, 1, rowCount);
    this.#without = part.getColumnValues(2);
  }

  hasVector(row: number): boolean {
    return this.#without[row] === false;
  }
}

/** The vectors of a batch as they stand in hot, by new row id, so that its copies can be compared with them. */
export class SourceVectors {
  readonly #vectors = new Map<number, Float32Array | null>();

  /** Null where the row has none; undefined where it was not read, or holds what is no number, of which no copy can be one. */
  of(rowId: number): Float32Array | null | undefined {
    return this.#vectors.get(rowId);
  }

  /** Takes rows of a part, and answers their vectors as warm has them, for the table of `QUANTISED`. Those with what is no number are left out. */
  quantise(part: VectorPart, { from, until }: Slice): DuckDBDataChunk {
    const bytesEach = EMBEDDING_DIMENSIONS * Float32Array.BYTES_PER_ELEMENT;
    const values = floats(part.bytes.subarray(from * bytesEach, until * bytesEach));
    const rows = new QuantisedRows(until - from);
    for (let row = from; row < until; row++) {
      const rowId = part.ids[row] ?? NaN;
      const at = (row - from) * EMBEDDING_DIMENSIONS;
      const vector = values.subarray(at, at + EMBEDDING_DIMENSIONS);
      if (!part.hasVector(row)) this.#vectors.set(rowId, null);
      else if (!part.nulls.has(row) && rows.add(rowId, vector)) this.#vectors.set(rowId, vector);
    }
    return rows.chunk();
  }
}

export const QUANTISED = `(row_id BIGINT, vector TINYINT[${EMBEDDING_DIMENSIONS}], scale FLOAT)`;

/** In warm, to either side of zero. */
const STEPS = 127;

class QuantisedRows {
  readonly #ids: BigInt64Array<ArrayBuffer>;
  readonly #steps: Int8Array<ArrayBuffer>;
  readonly #scales: Float32Array<ArrayBuffer>;
  #count = 0;

  constructor(most: number) {
    this.#ids = new BigInt64Array(most);
    this.#steps = new Int8Array(most * EMBEDDING_DIMENSIONS);
    this.#scales = new Float32Array(most);
  }

  /** As `quantisedSql` does it for what an ingest puts into warm. False where a component is not finite. */
  add(rowId: number, vector: Float32Array): boolean {
    const peak = peakOf(vector);
    if (peak === undefined) return false;
    quantiseInto(this.#steps, this.#count * EMBEDDING_DIMENSIONS, vector, peak);
    this.#ids[this.#count] = BigInt(rowId);
    this.#scales[this.#count] = peak / STEPS;
    this.#count++;
    return true;
  }

  chunk(): DuckDBDataChunk {
    const part = DuckDBDataChunk.create([BIGINT, ARRAY(TINYINT, EMBEDDING_DIMENSIONS), FLOAT], this.#count);
    const column = (at: number): duckdb.Vector => duckdb.data_chunk_get_vector(part.chunk, at);
    duckdb.copy_data_to_vector(column(0), 0, this.#ids.buffer, 0, this.#count * 8);
    const steps = duckdb.array_vector_get_child(column(1));
    duckdb.copy_data_to_vector(steps, 0, this.#steps.buffer, 0, this.#count * EMBEDDING_DIMENSIONS);
    duckdb.copy_data_to_vector(column(2), 0, this.#scales.buffer, 0, this.#count * 4);
    return part;
  }
}

/** What a vector is divided by; undefined where a component is not finite. */
function peakOf(vector: Float32Array): number | undefined {
  let peak = 0;
  // By index: an iterator takes several times as long.
  for (let i = 0; i < EMBEDDING_DIMENSIONS; i++) {
    const magnitude = Math.abs(vector[i] ?? NaN);
    if (!(magnitude < Infinity)) return undefined;
    if (magnitude > peak) peak = magnitude;
  }
  return peak < SMALLEST_PEAK ? 1 : peak;
}

function quantiseInto(steps: Int8Array, from: number, vector: Float32Array, peak: number): void {
  const perStep = STEPS / peak;
  for (let i = 0; i < EMBEDDING_DIMENSIONS; i++) {
    const step = (vector[i] ?? 0) * perStep;
    // Half a step more, less its fraction: rounded.
    steps[from + i] = (step < 0 ? step - 0.5 : step + 0.5) | 0;
  }
}

export const SIGNS = '(row_id BIGINT, signs BLOB)';

/** The sign of each component as one bit, 48 bytes, the first the highest: what cold keeps of a vector. For the table of `SIGNS`. */
export function signsOf(part: VectorPart, { from, until }: Slice): DuckDBDataChunk {
  const steps = new Int8Array(part.bytes.buffer, part.bytes.byteOffset, part.bytes.byteLength);
  const ids: bigint[] = [];
  const signs: Uint8Array[] = [];
  for (let row = from; row < until; row++) {
    if (!part.hasVector(row)) continue;
    ids.push(BigInt(part.ids[row] ?? NaN));
    signs.push(signsOfRow(steps, row, part.nulls));
  }
  const made = DuckDBDataChunk.create([BIGINT, BLOB], ids.length);
  const column = (at: number): duckdb.Vector => duckdb.data_chunk_get_vector(made.chunk, at);
  duckdb.copy_data_to_vector(column(0), 0, BigInt64Array.from(ids).buffer, 0, ids.length * 8);
  const blobs = column(1);
  for (const [row, sign] of signs.entries()) duckdb.vector_assign_string_element_len(blobs, row, sign);
  return made;
}

function signsOfRow(steps: Int8Array, row: number, nulls: NullComponents): Uint8Array {
  const signs = new Uint8Array(EMBEDDING_DIMENSIONS / 8);
  const from = row * EMBEDDING_DIMENSIONS;
  for (let byte = 0; byte < signs.length; byte++) {
    let bits = 0;
    for (let i = from + byte * 8; i < from + byte * 8 + 8; i++)
      bits = (bits << 1) | ((steps[i] ?? 0) > 0 ? 1 : 0);
    signs[byte] = bits;
  }
  // What has no number has no sign: the place of a null holds anything.
  if (nulls.has(row))
    for (let i = 0; i < EMBEDDING_DIMENSIONS; i++)
      if (nulls.at(row, i)) signs[i >> 3] = (signs[i >> 3] ?? 0) & ~(0x80 >> (i & 7));
  return signs;
}

import type { DuckDBDataChunk } from '@duckdb/node-api';
import duckdb from '@duckdb/node-bindings';
import { EMBEDDING_DIMENSIONS } from '../../../memory/index.js';
import { arrayBytes } from './vectors-of-rows.js';

/** Most that rounding may cost a component, in steps of its scale; half a step, and something for the float. */
const MAX_ROUNDING = 0.51;

/** The columns of a part, in this order: its vector in hot, its vector in warm and that one's scale, and whether there is none to compare. */
export const COMPARED = ['row_id', 'embedding', 'vector', 'scale', 'without'] as const;

/**
 * The rows of a part whose two vectors are the same but for rounding, component by component. Of bytes: 2,048 rows take the calling thread two
 * milliseconds, and DuckDB's own lambdas thirty.
 */
export function sameVectors(part: DuckDBDataChunk): number[] {
  const { chunk, rowCount } = part;
  const items = rowCount * EMBEDDING_DIMENSIONS;
  const hot = floats(arrayBytes(chunk, 1, items * 4));
  const warm = arrayBytes(chunk, 2, items);
  const steps = new Int8Array(warm.buffer, warm.byteOffset, items);
  const scales = floats(duckdb.vector_get_data(duckdb.data_chunk_get_vector(chunk, 3), rowCount * 4));
  const nulls = [nullsOf(chunk, 1, items), nullsOf(chunk, 2, items)];
  const without = part.getColumnValues(4);
  return part.getColumnValues(0).flatMap((id, row) => {
    const isSame =
      without[row] === true ||
      (!nulls.some((has) => has(row)) && isNear(hot, steps, scales[row] ?? NaN, row));
    return isSame ? [Number(id)] : [];
  });
}

/** In double precision: a foreign vector may hold components whose scale times 127 no FLOAT can. What is no number is near nothing. */
function isNear(hot: Float32Array, steps: Int8Array, scale: number, row: number): boolean {
  if (!Number.isFinite(scale)) return false;
  const most = MAX_ROUNDING * scale;
  const from = row * EMBEDDING_DIMENSIONS;
  for (let i = from; i < from + EMBEDDING_DIMENSIONS; i++)
    if (!(Math.abs((hot[i] ?? NaN) - (steps[i] ?? NaN) * scale) <= most)) return false;
  return true;
}

/** Whether a row's array has a component that is null, as only a foreign vector or a damaged one does: what lies in its place means nothing. */
function nullsOf(chunk: duckdb.DataChunk, column: number, items: number): (row: number) => boolean {
  const child = duckdb.array_vector_get_child(duckdb.data_chunk_get_vector(chunk, column));
  // Null where all are valid, which the binding's types do not say.
  const valid = duckdb.vector_get_validity(child, Math.ceil(items / 64) * 8) as Uint8Array | null;
  if (valid === null) return () => false;
  const bytes = EMBEDDING_DIMENSIONS / 8;
  return (row) => valid.subarray(row * bytes, (row + 1) * bytes).some((bits) => bits !== 0xff);
}

/** Copied, because floats must begin at a multiple of four. */
function floats(bytes: Uint8Array): Float32Array {
  return new Float32Array(Uint8Array.from(bytes).buffer);
}

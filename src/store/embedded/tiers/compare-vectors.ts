import type { DuckDBDataChunk } from '@duckdb/node-api';
import duckdb from '@duckdb/node-bindings';
import { EMBEDDING_DIMENSIONS } from '../../../memory/index.js';
import { nullComponents } from './array-nulls.js';
import type { SourceVectors } from './batch-vectors.js';
import { arrayBytes, floats } from './vectors-of-rows.js';

/** Most that rounding may cost a component, in steps of its scale; half a step, and something for the float. */
const MAX_ROUNDING = 0.51;

/** The columns of a part of warm, in this order. */
export const COMPARED = 'row_id, vector, scale, vector IS NULL, scale IS NULL';

/**
 * The rows of a part of warm whose vectors are those of their sources but for rounding, component by component. Of bytes: 2,048 rows take the calling thread two
 * milliseconds, and DuckDB's own lambdas thirty.
 */
export function sameVectors(part: DuckDBDataChunk, sources: SourceVectors): number[] {
  const { chunk, rowCount } = part;
  const items = rowCount * EMBEDDING_DIMENSIONS;
  const warm = arrayBytes(chunk, 1, items);
  const steps = new Int8Array(warm.buffer, warm.byteOffset, items);
  const scales = floats(duckdb.vector_get_data(duckdb.data_chunk_get_vector(chunk, 2), rowCount * 4));
  const nulls = nullComponents(chunk, 1, rowCount);
  const [without, unscaled] = [part.getColumnValues(3), part.getColumnValues(4)];
  return part.getColumnValues(0).flatMap((id, row) => {
    const rowId = Number(id);
    const source = sources.of(rowId);
    if (source === undefined) return [];
    if (source === null) return without[row] === true ? [rowId] : [];
    const isComplete = without[row] === false && unscaled[row] === false && !nulls.has(row);
    return isComplete && isNear(source, steps, scales[row] ?? NaN, row) ? [rowId] : [];
  });
}

/** In double precision: a foreign vector may hold components whose scale times 127 no FLOAT can. What is no number is near nothing. */
function isNear(source: Float32Array, steps: Int8Array, scale: number, row: number): boolean {
  if (!Number.isFinite(scale)) return false;
  const most = MAX_ROUNDING * scale;
  const from = row * EMBEDDING_DIMENSIONS;
  for (let i = 0; i < EMBEDDING_DIMENSIONS; i++)
    if (!(Math.abs((source[i] ?? NaN) - (steps[from + i] ?? NaN) * scale) <= most)) return false;
  return true;
}

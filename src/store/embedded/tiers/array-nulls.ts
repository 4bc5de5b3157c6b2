import duckdb from '@duckdb/node-bindings';
import { EMBEDDING_DIMENSIONS } from '../../../memory/index.js';

/** Which components of a part's arrays are null, as only those of a foreign vector or a damaged one are: what lies in their place means nothing. */
export interface NullComponents {
  /** Whether a row has one. */
  has: (row: number) => boolean;
  at: (row: number, component: number) => boolean;
}

const NONE: NullComponents = { has: () => false, at: () => false };

export function nullComponents(chunk: duckdb.DataChunk, column: number, rows: number): NullComponents {
  const child = duckdb.array_vector_get_child(duckdb.data_chunk_get_vector(chunk, column));
  // Null where all are valid, which the binding's types do not say.
  const words = Math.ceil((rows * EMBEDDING_DIMENSIONS) / 64);
  const valid = duckdb.vector_get_validity(child, words * 8) as Uint8Array | null;
  if (valid === null) return NONE;
  const bytes = EMBEDDING_DIMENSIONS / 8;
  return {
    has: (row) => valid.subarray(row * bytes, (row + 1) * bytes).some((bits) => bits !== 0xff),
    at: (row, component) => (((valid[row * bytes + (component >> 3)] ?? 0) >> (component & 7)) & 1) === 0,
  };
}

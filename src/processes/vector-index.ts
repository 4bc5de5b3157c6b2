import type { MemoryStore, VectorIndexState } from '../store/index.js';
import type { Metrics } from '../telemetry/index.js';

/** A vector index as `akosha status` tells of it. */
interface VectorIndexReport {
  model: string;
  state: VectorIndexState;
  reason: string | null;
  rows: number;
  changes_behind: number;
  /** Rows that are compared one by one, because the graph does not hold them yet. */
  rows_waiting: number;
  memory_bytes: number;
}

/** One for each model, the current first. */
export async function describeVectorIndexes(
  store: Pick<MemoryStore, 'vectorIndexes'>,
): Promise<VectorIndexReport[]> {
  return (await store.vectorIndexes()).map(({ model, state, reason, rows, waiting, behind, bytes }) => ({
    model,
    state,
    reason,
    rows,
    changes_behind: behind,
    rows_waiting: waiting,
    memory_bytes: bytes,
  }));
}

/** Of all indexes together, because a model's name is a label of too many values. */
export async function observeVectorIndexes(
  store: Pick<MemoryStore, 'vectorIndexes'>,
  metrics: Metrics,
): Promise<void> {
  const indexes = await store.vectorIndexes();
  const sum = (value: (index: (typeof indexes)[number]) => number): number =>
    indexes.reduce((total, index) => total + value(index), 0);
  metrics.vectorIndexRows.set(sum(({ rows }) => rows));
  metrics.vectorIndexBehind.set(sum(({ behind }) => behind));
  metrics.vectorIndexWaiting.set(sum(({ waiting }) => waiting));
  metrics.vectorIndexBytes.set(sum(({ bytes }) => bytes));
  const isReady = indexes.length > 0 && indexes.every(({ state }) => state === 'ready');
  metrics.vectorIndexReady.set(isReady ? 1 : 0);
}

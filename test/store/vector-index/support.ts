import { Graph } from '../../../src/store/embedded/vector-index/graph.js';
import type { IndexContent } from '../../../src/store/embedded/vector-index/index-file.js';
import { IndexRows } from '../../../src/store/embedded/vector-index/index-rows.js';
import { quantised } from '../../../src/store/embedded/vector-index/matrix.js';
import type { IndexedPlace } from '../../../src/store/embedded/vector-index/messages.js';

/** The same numbers for the same seed, from 0 to 1. */
export function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Around some centres, as memories are about some topics: cosines of about 0.6 within one. */
export function clustered(count: number, next: () => number): Float32Array[] {
  const normal = (): number => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
  const centres = Array.from({ length: 20 }, () => Float32Array.from({ length: 384 }, normal));
  return Array.from({ length: count }, () => {
    const centre = centres[Math.floor(next() * centres.length)] ?? new Float32Array(384);
    const vector = centre.map((x) => x + 0.8 * normal());
    const length = Math.hypot(...vector);
    return vector.map((x) => x / length);
  });
}

export function placeOf(pid: number): IndexedPlace {
  return {
    pid,
    rowId: 1000 + pid,
    systemId: `host-${pid % 2}`,
    kind: 'conversation',
    project: pid % 100 === 0 ? 'rare' : null,
    tier: 'warm',
    ownTime: pid,
    knownSince: pid,
  };
}

/** An index of these vectors, the placement of the first being 1; all of them in the graph. */
export function indexOf(vectors: readonly Float32Array[]): IndexContent {
  const [rows, graph] = [new IndexRows(), new Graph()];
  const slots = vectors.map((vector, i) => {
    const slot = rows.place(placeOf(i + 1));
    rows.matrix.set(slot, quantised(vector) ?? new Int16Array(384));
    return slot;
  });
  graph.add(slots, (slot) => rows.matrix.row(slot));
  return { rows, graph, waiting: new Set() };
}

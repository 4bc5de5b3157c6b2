import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import { EMBEDDING_DIMENSIONS } from '../../../memory/index.js';
import type { AsJson } from '../catalog/as-json.js';
import type { CatalogDatabase } from '../catalog/database.js';
import {
  changesAfter,
  changesSince,
  currentCandidates,
  lastChange,
  madeVectorsOf,
  placesAfter,
  taggedPlaces,
} from '../catalog/index-feed.js';
import { Graph } from './graph.js';
import { readIndexFile, writeIndexFile, type IndexContent } from './index-file.js';
import { BYTES_PER_ROW, IndexRows } from './index-rows.js';
import { searchIndex } from './index-search.js';
import { cosineOf, quantised } from './matrix.js';
import type {
  IndexAnswer,
  IndexCandidate,
  IndexCounts,
  IndexedPlace,
  IndexMethods,
  IndexPart,
  IndexQuery,
  IndexThreadData,
  VectorPart,
} from './messages.js';

/** Added to the graph before searches that came meanwhile get their turn: some 5 ms. */
const SLICE = 16;

/**
 * While rows come and nobody searches, their places in the graph wait: to find them costs a sixth of an ingest's CPU, and others want the cores. So many are
 * compared one by one in 40 ms, which is what the first search pays, and then take a minute of one core.
 */
const GIVES_WAY = { rowsMs: 2_000, searchMs: 10_000, atMost: 250_000, lookMs: 250 };

/** Above it two vectors are the same to the graph's 8 bits: that of a row that moved to warm need not be put in anew. */
const SAME = 0.999;

/** Looked for where some of what was found has left for cold: half of it may. */
const WIDER = 2;

/** The index itself. A search waits for the call before it and for a slice of the graph's making, for nothing else. */
export class IndexWorker implements IndexMethods {
  #content: IndexContent = { rows: new IndexRows(), graph: new Graph(), waiting: new Set() };
  #building = false;
  /** While the file is written, what goes into it stays as it is; its caller sends no change until then. */
  #saving = false;
  #closed = false;
  /** When rows came last, and the last search, by the process's own clock. */
  readonly #last = { rows: -Infinity, search: -Infinity };
  /** The last change that was looked at, and the last of them that a search has to wait for. */
  #looked = { until: 0, awaited: 0 };

  constructor(
    private readonly data: Omit<IndexThreadData, 'catalog'>,
    private readonly catalog: CatalogDatabase,
  ) {}

  async load(): Promise<number | undefined> {
    const found = await readIndexFile(this.data.file, this.data);
    if (found === undefined) return undefined;
    this.#content = found;
    this.#build();
    return found.seq;
  }

  readPlaces(after: number): IndexPart {
    const { rows } = this.#content;
    const seq = lastChange(this.catalog);
    const { places, until } = placesAfter(this.catalog, after);
    const there = new Set(places.map(({ pid }) => pid));
    const left = [...rows.pidsBetween(after, until ?? Infinity)].filter((pid) => !there.has(pid));
    for (const pid of left) this.#remove(pid);
    return { needed: places.filter((place) => !this.#holds(place)), until, seq };
  }

  readChanges(after: number): IndexPart {
    const { rows } = this.#content;
    const seq = lastChange(this.catalog);
    const { places, gone, until } = changesAfter(this.catalog, after);
    for (const pid of gone) this.#remove(pid);
    const needed: IndexedPlace[] = [];
    for (const { change, ...place } of places) {
      if (change === 'moved' && rows.slotOf(place.pid) !== undefined) rows.place(place);
      else needed.push(place);
    }
    if (needed.length > 0) this.#last.rows = performance.now();
    return { needed, until, seq };
  }

  keep(parts: readonly VectorPart[], without: readonly IndexedPlace[]): boolean {
    const hasRoom = parts.every(({ places, components }) =>
      places.every((place, i) => {
        const from = i * EMBEDDING_DIMENSIONS;
        return this.#put(place, components.subarray(from, from + EMBEDDING_DIMENSIONS));
      }),
    );
    if (!hasRoom || !this.#keepMade(without)) return false;
    this.#build();
    return true;
  }

  /**
   * Rows that merely moved are found as before, and where they are now the catalog tells: a transition moves thousands with one commit, and to note them takes
   * tens of milliseconds. What left for cold meanwhile is found in vain, so that more is looked for.
   */
  search(query: IndexQuery, applied: number): IndexAnswer {
    this.#last.search = performance.now();
    const { candidates, found, current } = this.#find(query);
    const seq = lastChange(this.catalog);
    if (seq <= applied) return { candidates, seq, isWhole: true };
    if (!asksBothTiers(query) || this.#mustWait(applied)) return { candidates, seq, isWhole: false };
    if (current === found) return { candidates, seq, isWhole: true };
    const wider = this.#find({ ...query, limit: query.limit * WIDER });
    const isWhole = wider.found < query.limit * WIDER || wider.current >= query.limit;
    return { candidates: wider.candidates, seq, isWhole };
  }

  #find(query: IndexQuery): { candidates: AsJson<IndexCandidate[]>; found: number; current: number } {
    const pidsOf = (tag: string): number[] => taggedPlaces(this.catalog, tag);
    const found = searchIndex(this.#content, query, pidsOf);
    const { rows, count } = currentCandidates(this.catalog, found);
    return { candidates: rows, found: found.length, current: count };
  }

  /** Whether the index lacks what changes behind `applied` have brought. Each is looked at once. */
  #mustWait(applied: number): boolean {
    const since = Math.max(applied, this.#looked.until);
    const { moved, placed, until } = changesSince(this.catalog, since);
    const isKnown = moved.every((pid) => this.#content.rows.slotOf(pid) !== undefined);
    // As of what was thawed.
    const awaited = isKnown ? placed : until;
    this.#looked = { until, awaited: Math.max(awaited, this.#looked.awaited) };
    return this.#looked.awaited > applied;
  }

  counts(): IndexCounts {
    const { rows, waiting } = this.#content;
    const graphBytes = BYTES_PER_ROW.graph * (rows.count - waiting.size);
    const bytes = rows.bytes + graphBytes;
    return { rows: rows.count, waiting: waiting.size, bytes, seq: lastChange(this.catalog) };
  }

  async save(seq: number): Promise<void> {
    this.#saving = true;
    try {
      while (!this.#content.graph.scrub(SLICE)) await setImmediate();
      const { file, model, epoch } = this.data;
      await writeIndexFile(file, { model, epoch, seq }, this.#content);
    } finally {
      this.#saving = false;
      this.#build();
    }
  }

  close(): void {
    this.#closed = true;
    this.catalog.close();
  }

  #holds(place: IndexedPlace): boolean {
    const { rows } = this.#content;
    const slot = rows.slotOf(place.pid);
    return slot !== undefined && rows.columns.rowId[slot] === place.rowId;
  }

  #keepMade(places: readonly IndexedPlace[]): boolean {
    const byPlacement = new Map(places.map((place) => [place.pid, place]));
    for (const { pid, vector } of madeVectorsOf(this.catalog, this.data.model, [...byPlacement.keys()])) {
      const place = byPlacement.get(pid);
      byPlacement.delete(pid);
      if (place !== undefined && !this.#put(place, vector)) return false;
    }
    for (const pid of byPlacement.keys()) this.#remove(pid);
    return true;
  }

  /** False where there is no room for it. */
  #put(place: IndexedPlace, vector: Float32Array | Int8Array): boolean {
    const { rows, graph, waiting } = this.#content;
    const row = quantised(vector);
    if (row === undefined) {
      this.#remove(place.pid);
      return true;
    }
    const known = rows.slotOf(place.pid);
    if (known === undefined && (rows.count + 1) * BYTES_PER_ROW.all > this.data.maxBytes) return false;
    const isSame = known !== undefined && cosineOf(rows.matrix.row(known), row) > SAME;
    const slot = rows.place(place);
    rows.matrix.set(slot, row);
    if (isSame) return true;
    if (known !== undefined && !waiting.has(slot)) graph.remove(slot);
    waiting.add(slot);
    return true;
  }

  #remove(pid: number): void {
    const { rows, graph, waiting } = this.#content;
    const slot = rows.remove(pid);
    if (slot === undefined) return;
    if (!waiting.delete(slot)) graph.remove(slot);
  }

  /** Puts what waits into the graph, slice by slice, until nothing does. */
  #build(): void {
    if (this.#building) return;
    this.#building = true;
    void this.#buildSlices();
  }

  async #buildSlices(): Promise<void> {
    const { rows, graph, waiting } = this.#content;
    while (waiting.size > 0 && !this.#saving && !this.#closed) {
      if (this.#givesWay()) {
        // Whoever closes it does not wait for that.
        await sleep(GIVES_WAY.lookMs, undefined, { ref: false });
        continue;
      }
      const slots: number[] = [];
      for (const slot of waiting) {
        slots.push(slot);
        if (slots.length === SLICE) break;
      }
      graph.add(slots, (slot) => rows.matrix.row(slot));
      for (const slot of slots) waiting.delete(slot);
      await setImmediate();
    }
    this.#building = false;
  }

  #givesWay(): boolean {
    const now = performance.now();
    return (
      now - this.#last.rows < GIVES_WAY.rowsMs &&
      now - this.#last.search >= GIVES_WAY.searchMs &&
      this.#content.waiting.size < GIVES_WAY.atMost
    );
  }
}

/** Of one tier the index finds what it has noted there. */
function asksBothTiers({ filters: { tiers } }: IndexQuery): boolean {
  return tiers.includes('hot') && tiers.includes('warm');
}

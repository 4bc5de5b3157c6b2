import type { Kind, Tier } from '../../../contract/index.js';
import type { Candidate, SearchFilters } from '../../store.js';
import type { AsJson } from '../catalog/as-json.js';
import type { TableTier } from '../tiers/tables.js';

/** A placement in hot or warm, with what searches filter by. */
export interface IndexedPlace {
  pid: number;
  rowId: number;
  systemId: string;
  kind: Kind;
  project: string | null;
  tier: TableTier;
  /** Milliseconds since 1970. */
  ownTime: number;
  knownSince: number;
}

/** What a part of the catalog came to. */
export interface IndexPart {
  /** Those of which the index needs the vectors that stand in their rows. */
  needed: IndexedPlace[];
  /** Behind what the next part begins; null where there is no more. */
  until: number | null;
  /** The last change that there was before it was read. */
  seq: number;
}

/** Vectors of 384 components, one after the other in the order of their places. */
export interface VectorPart {
  places: readonly IndexedPlace[];
  components: Float32Array<ArrayBuffer> | Int8Array<ArrayBuffer>;
}

export interface IndexQuery {
  vector: Float32Array;
  filters: SearchFilters;
  limit: number;
}

export type IndexCandidate = Candidate & { tier: Tier };

export interface IndexAnswer {
  /** Best first. */
  candidates: AsJson<IndexCandidate[]>;
  /** The last change that there was. */
  seq: number;
  /** Nothing that the index has not noted yet would change the answer. */
  isWhole: boolean;
}

export interface IndexCounts {
  rows: number;
  /** Of these, those that the graph does not hold yet: a search compares with each of them. */
  waiting: number;
  /** Of memory. */
  bytes: number;
  /** The last change that there was. */
  seq: number;
}

/** What the index's thread answers. It reads the catalog itself; the rows of hot and warm are read for it. */
export interface IndexMethods {
  /** Reads the saved file. The last change that it holds; undefined where there is no file, or none that can be used. */
  load(): Promise<number | undefined>;
  /** Compares with the placements behind `after`: what is gone goes. */
  readPlaces(after: number): IndexPart;
  /** Follows the changes behind `after`. */
  readChanges(after: number): IndexPart;
  /** Takes in vectors. Those `without` one in their row have one that the server made, or none. False where there is no room. */
  keep(parts: readonly VectorPart[], without: readonly IndexedPlace[]): boolean;
  /** `applied` is the last change that the index has noted. */
  search(query: IndexQuery, applied: number): IndexAnswer;
  counts(): IndexCounts;
  /** Writes the file, which then holds all changes up to this one. */
  save(seq: number): Promise<void>;
}

export interface IndexThreadData {
  catalog: string;
  /** The saved file. */
  file: string;
  model: string;
  /** Of the catalog: what another one's index says of its placements means nothing. */
  epoch: number;
  maxBytes: number;
}

export interface IndexRequest {
  id: number;
  method: keyof IndexMethods;
  args: unknown[];
}

export type IndexResponse = { id: number; result: unknown } | { id: number; fault: string };

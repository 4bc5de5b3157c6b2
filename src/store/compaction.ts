import type { ColdPartition } from '../contract/index.js';
import type { Operation, WrittenObject } from './store.js';

/** Cold objects of one system and month that are to become one. */
export interface CompactionGroup {
  systemId: string;
  /** Of their rows' own time, UTC: `2026-11`. */
  month: string;
  sources: WrittenObject[];
}

/** Writes the rows that its sources keep as one object. Deletes nothing: what no placement names any more the sweep takes. */
export interface CompactionOperation extends Operation {
  readonly rows: number;
  /** Raises `VerifyFailed` where a source lacks a row that it is said to keep. */
  exportObject(path: string): Promise<void>;
  /** Compares every row of an object that was read back with its source, and keeps the file as the cached copy. */
  verifyObject(path: string, object: WrittenObject): Promise<void>;
  /** Counts it in the report of a transition, if one is named. */
  commit(object: WrittenObject, transitionId?: string): Promise<number>;
}

export interface CompactionStore {
  /** Whether one that is not asked for is due. */
  isCompactionTurn(): Promise<boolean>;
  /** True once a day; then the look for memories to expire is noted with it, as of that time (milliseconds since 1970). */
  takeCompactionTurn(lookedAt?: number): Promise<boolean>;
  /** Systems and months with cold objects worth merging, or with rows that no placement names. `all`: however little it is worth. */
  compactionsDue(all: boolean): Promise<ColdPartition[]>;
  compactionGroups(partition: ColdPartition, all: boolean): Promise<CompactionGroup[]>;
  /** Undefined where a source is gone meanwhile, or keeps nothing any more. */
  openCompaction(group: CompactionGroup, signal?: AbortSignal): Promise<CompactionOperation | undefined>;
}

import type { RepairableTier, ScrubCounts, ScrubFinding } from '../contract/index.js';
import type { WrittenObject } from './operations.js';

/** Why nothing is moved or deleted: findings that no person has released. */
export interface MovingStop {
  /** When the first was found, milliseconds since 1970. */
  since: number;
  findings: number;
}

/** A finding on record. Times in milliseconds since 1970. */
export interface StandingFinding extends ScrubFinding {
  foundAt: number;
}

export type CheckKind = 'scrub' | 'drill';

/** A scrub or a restore drill as it is on record. */
export interface CheckRecord {
  checkId: string;
  begunAt: number;
  /** Null while it runs, and for one that died. */
  endedAt: number | null;
  passed: boolean | null;
  /** JSON of its kind's report; null until it has ended. */
  report: string | null;
}

/** An object that keeps the rows of placements. */
export interface ScrubObject extends WrittenObject {
  objectId: number;
  kind: 'journal' | 'cold';
}

/** What a look at a part came to: each finding was there at a second look, taken after the catalog had said once more that it should not be. */
export interface ScrubbedPart {
  counts: Pick<ScrubCounts, 'placements' | 'rows'>;
  findings: ScrubFinding[];
}

/** Where a look at the rows of a tier begins: behind a row id of a table, by the table's name. */
export interface RowCursor {
  tier: RepairableTier;
  table: string;
  after: number;
}

/** What a scrub asks of the store. Changes nothing but what is on record of scrubs. */
export interface ScrubStore {
  /** Objects that keep rows, in order of their number, from the one behind `after` on. */
  objectsToScrub(range: { after: number; upTo: number; limit: number }): Promise<ScrubObject[]>;
  lastObject(): Promise<number>;
  /** Whether it keeps a row still: no object begins to keep rows that it did not keep from its first commit on. */
  keepsRows(objectId: number): Promise<boolean>;
  /** Compares what placements have an object keep with its local copy, and the rows of a cold one with placements. */
  scrubObject(object: ScrubObject, file: string, signal?: AbortSignal): Promise<ScrubbedPart>;
  /** Compares a part of a tier's rows with placements, both ways. A tier that is on record as damaged is passed over. */
  scrubRows(
    cursor: RowCursor,
    limit: number,
    signal?: AbortSignal,
  ): Promise<ScrubbedPart & { next: RowCursor | null }>;

  /** Begins a record, or goes on with the one of this name. */
  beginCheck(kind: CheckKind, checkId: string): Promise<void>;
  endCheck(checkId: string, outcome: { passed: boolean; report: string }): Promise<void>;
  /** The last ones, the newest first. */
  checks(kind: CheckKind, limit: number): Promise<CheckRecord[]>;

  /** From here on nothing is moved or deleted. One that stands already is the same. Returns how many stand. */
  noteFindings(checkId: string, findings: readonly ScrubFinding[]): Promise<number>;
  /** How many a scrub found. */
  countFindings(checkId: string): Promise<number>;
  movingStop(): Promise<MovingStop | undefined>;
  /** Those that nobody released, in the order in which they were found. */
  standingFindings(limit: number): Promise<StandingFinding[]>;
  countStanding(): Promise<Partial<Record<ScrubFinding['kind'], number>>>;
  /** Lets moving go on. Returns how many were released. */
  releaseFindings(reason: string): Promise<number>;
}

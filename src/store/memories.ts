import type { Kind, MemoryKey, Tier } from '../contract/index.js';

export interface SearchFilters {
  systemId?: string;
  kind?: Kind;
  project?: string;
  /** One of the memory's, as the host wrote it. */
  tag?: string;
  /** Own time, milliseconds since 1970: from `since` to before `until`. */
  since?: number;
  until?: number;
  /** Only what an ingest had first committed by then, in its present wording; milliseconds since 1970 by the system's clock. */
  knownBy?: number;
  tiers: readonly Tier[];
}

export interface Candidate extends FoundKey {
  /** Higher is better; comparable within one call only. */
  score: number;
}

/** A memory, and where the store found it. */
export interface FoundKey extends MemoryKey {
  /** The store's own number of its place, by which it finds that again in a third of the time; not every search has one. */
  placeId?: number;
}

/** A memory that holds all of a query's words. */
export interface Match extends MemoryKey {
  /** Milliseconds since 1970. */
  ownTime: number;
}

/** What a list of matches, newest first, goes on behind; those of one own time stand in order of their keys. */
export type MatchStart = Match;

/** A memory as it is now. */
export interface StoredMemory extends MemoryKey {
  tier: Tier;
  content: string;
  project: string | null;
  tags: string[];
  /** Own time, milliseconds since 1970. */
  ownTime: number;
  /** When an ingest first committed it, milliseconds since 1970 by the system's clock. */
  knownSince: number;
  hash: string;
}

/** The key, within a system, that a page begins behind. */
export type PageStart = Omit<MemoryKey, 'systemId'>;

export interface PageRequest {
  after?: PageStart | undefined;
  kind?: Kind | undefined;
  project?: string | undefined;
  /** Own time, milliseconds since 1970: from `since` to before `until`. */
  since?: number | undefined;
  until?: number | undefined;
  limit: number;
}

/** A memory whole, as its host had it. */
export interface WholeMemory extends MemoryKey {
  tier: Tier;
  /** Milliseconds since 1970. */
  ownTime: number;
  hash: string;
  content: string;
  project: string | null;
  tags: (string | null)[] | null;
  /** The other columns of the host's database as the text of a JSON object, digit for digit what the host had. */
  fields: string;
  /** In warm rounded to 1/127 of its greatest component; of cold null, because there only signs are kept. */
  embedding: number[] | null;
}

export interface MemoryPage {
  memories: WholeMemory[];
  /** Where the next page begins; null behind the last. */
  next: PageStart | null;
}

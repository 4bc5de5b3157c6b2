import type { Kind, MemoryKey, Tier } from '../contract/index.js';

export interface SearchFilters {
  systemId?: string;
  kind?: Kind;
  project?: string;
  /** Own time, milliseconds since 1970: from `since` to before `until`. */
  since?: number;
  until?: number;
  tiers: readonly Tier[];
}

export interface Candidate extends MemoryKey {
  /** Higher is better; comparable within one call only. */
  score: number;
}

/** A memory as it is now. */
export interface StoredMemory extends MemoryKey {
  tier: Tier;
  content: string;
  project: string | null;
  tags: string[];
  /** Own time, milliseconds since 1970. */
  ownTime: number;
  hash: string;
  uploadId: string;
  fields: Record<string, unknown>;
}

/** The key, within a system, that a page begins behind. */
export type PageStart = Omit<MemoryKey, 'systemId'>;

export interface PageRequest {
  after?: PageStart | undefined;
  limit: number;
}

/** A memory whole, as its host had it. */
export interface WholeMemory extends MemoryKey {
  tier: Tier;
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

import { setImmediate } from 'node:timers/promises';
import type { MemoryKey, Tier } from '../contract/index.js';
import type { StoredMemory } from '../store/index.js';
import { distinctKeys, type TierCandidates } from './candidates.js';
import type { Match, Ranked } from './rank.js';
import { ageInDays } from './recency.js';
import { snippetOf, type Snippet } from './snippet.js';

export interface SearchResult extends MemoryKey {
  content: string;
  project: string | null;
  tags: string[];
  /** Own time, ISO 8601. */
  createdAt: string;
  tier: Tier;
  /** Of the fusion: it orders one answer and says nothing across answers. 0 where time orders it. */
  score: number;
  matched: Match[];
  /** Where it was asked for. */
  snippet?: Snippet;
  /** Where it was asked for. */
  explain?: Explanation;
}

/** What one of the two rankings said of a result. Its part of the score is weight / (60 + rank). */
export interface RankShare {
  rank: number;
  score: number;
  weight: number;
  part: number;
}

/** Why a result stands where it does: (vector.part + words.part) x recency is its score. Where time orders it, all are null. */
export interface Explanation {
  vector: RankShare | null;
  words: RankShare | null;
  recency: number | null;
  ageDays: number;
  /** When an ingest first committed the memory, ISO 8601. */
  knownSince: string;
}

export interface SearchAnswer {
  results: SearchResult[];
  /** For the next page; null behind the last. */
  nextCursor: string | null;
  /** Tiers of which something is missing, and why. */
  partial: { tier: Tier; reason: string }[];
  /** Of each tier that was asked: how long it took and how many candidates it had. */
  tiers: Partial<Record<Tier, { ms: number; candidates: number }>>;
  /** What the query could be searched by. */
  mode: 'vector+words' | 'vector' | 'words' | 'none';
  /** `reason` where vectors took no part. */
  embedding: { available: boolean; reason: string | null };
  ms: number;
}

export interface Extras {
  snippets: boolean;
  explain: boolean;
  terms: readonly string[];
  now: number;
}

/** A result of what ranked a row, or of nothing where time orders them. Other work gets its turn before each snippet, which takes milliseconds. */
export async function toResult(
  row: StoredMemory,
  ranked: Ranked | undefined,
  extras: Extras,
): Promise<SearchResult> {
  if (extras.snippets) await setImmediate();
  const { systemId, kind, memoryId, content, project, tags, tier, ownTime } = row;
  return {
    systemId,
    kind,
    memoryId,
    content,
    project,
    tags,
    createdAt: isoTime(ownTime),
    tier,
    score: ranked?.score ?? 0,
    matched: ranked?.matched ?? ['words'],
    ...(extras.snippets ? { snippet: snippetOf(content, extras.terms) } : {}),
    ...(extras.explain ? { explain: explanation(row, ranked, extras.now) } : {}),
  };
}

function explanation(row: StoredMemory, ranked: Ranked | undefined, now: number): Explanation {
  return {
    vector: ranked?.vector ?? null,
    words: ranked?.words ?? null,
    recency: ranked?.recency ?? null,
    ageDays: ageInDays(row.ownTime, now),
    knownSince: isoTime(row.knownSince),
  };
}

export function tierReport({ ms, words, vectors }: TierCandidates): { ms: number; candidates: number } {
  return { ms, candidates: distinctKeys([{ words, vectors }]).length };
}

/** One reason for each tier of which something is missing. */
export function missingParts(
  tiers: readonly { tier: Tier; faults: readonly string[] }[],
  rowFaults: ReadonlyMap<Tier, string>,
): SearchAnswer['partial'] {
  return tiers.flatMap(({ tier, faults }) => {
    const rowFault = rowFaults.get(tier);
    const reasons = rowFault === undefined ? faults : [...faults, rowFault];
    return reasons.length === 0 ? [] : [{ tier, reason: [...new Set(reasons)].join('; ') }];
  });
}

/** JavaScript's dates end at the years ±270,000; DuckDB's timestamps, and so an odd row's own time, do not. */
const LAST_INSTANT = 8.64e15;

function isoTime(ms: number): string {
  return new Date(Math.max(-LAST_INSTANT, Math.min(LAST_INSTANT, ms))).toISOString();
}

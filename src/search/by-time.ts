import { keyText, type Tier } from '../contract/index.js';
import type { Match, MatchStart, StoredMemory } from '../store/index.js';
import { missingParts, toResult, type SearchAnswer, type SearchResult } from './answer.js';
import { limitOf, SHARES } from './candidates.js';
import type { Running } from './context.js';
import { lookTwiceWhereMoved } from './moved.js';
import { writeCursor } from './cursor.js';
import { fetchRows } from './rows.js';
import { foldText } from './terms.js';
import { foldTerm, occurrences } from './word-score.js';

/**
 * Of the candidates some are left out: what cold objects hold has been replaced, or holds a word only within a longer one. So often is the
 * rest of a page asked for; what is then not full goes on with the next page.
 */
const ROUNDS = 8;

interface TierMatches {
  tier: Tier;
  matches: Match[];
  full: boolean;
  ms: number;
  faults: string[];
}

/**
 * All that hold every word of the query, the newest first. Vectors take no part: they tell what is nearer, not what matches. A page goes on
 * behind an own time and a key, so that none comes twice, wherever rows move meanwhile.
 */
export async function searchByTime(running: Running): Promise<SearchAnswer> {
  const { request, terms, budget, now } = running;
  const rows = new Map<string, StoredMemory>();
  const tiers = new Map<Tier, TierMatches>();
  const rowFaults = new Map<Tier, string>();
  let after = request.position?.sort === 'time' ? request.position.after : undefined;
  let isLast = terms.length === 0;
  for (let round = 0; round < ROUNDS && !isLast && rows.size < request.limit; round++) {
    const part = await nextPart(running, after, request.limit - rows.size);
    for (const found of part.tiers) tiers.set(found.tier, merged(tiers.get(found.tier), found));
    for (const [tier, fault] of part.rowFaults) rowFaults.set(tier, fault);
    for (const [key, row] of part.rows) rows.set(key, row);
    after = part.last ?? after;
    isLast = part.isLast;
  }
  budget.throwIfCancelled();
  const results: SearchResult[] = [];
  for (const row of [...rows.values()].sort(newest)) {
    results.push(await toResult(row, undefined, { ...request, terms, now }));
  }
  return {
    results,
    nextCursor: isLast || after === undefined ? null : writeCursor({ sort: 'time', after }, request),
    partial: missingParts([...tiers.values()], rowFaults),
    tiers: Object.fromEntries(
      [...tiers.values()].map(({ tier, ms, matches }) => [tier, { ms, candidates: matches.length }]),
    ),
    mode: terms.length === 0 ? 'none' : 'words',
    embedding: { available: false, reason: 'sorted by time, a search goes by words alone' },
    ms: budget.spentMs,
  };
}

interface Part {
  tiers: TierMatches[];
  rows: ReadonlyMap<string, StoredMemory>;
  rowFaults: ReadonlyMap<Tier, string>;
  last: MatchStart | undefined;
  isLast: boolean;
}

async function nextPart(running: Running, after: MatchStart | undefined, limit: number): Promise<Part> {
  const { context, request, terms, budget } = running;
  const { filters } = request;
  const tiers = await matchesOfAll(running, { after, limit });
  const all: ListedMatch[] = tiers
    .flatMap(({ tier, matches }) => matches.map((match) => ({ ...match, tier })))
    .sort(newest);
  const page = all.slice(0, limit);
  const last = page.at(-1);
  const isLast = last === undefined || (page.length === all.length && tiers.every(({ full }) => !full));
  const { rows, faults } = await fetchRows(context.store, page, filters, budget);
  const taken = new Map<string, StoredMemory>();
  for (const match of page) {
    const key = keyText(match);
    const row = rows.get(key);
    if (row === undefined || taken.has(key)) continue;
    const isChanged = row.ownTime !== match.ownTime;
    if (isChanged && !belongsHere(row, match, { after, until: isLast ? undefined : last })) continue;
    if ((isChanged || match.tier === 'cold') && !holdsAll(row, terms)) continue;
    taken.set(key, row);
  }
  return { tiers, rows: taken, rowFaults: faults, last, isLast };
}

interface ListedMatch extends Match {
  tier: Tier;
}

/**
 * Whether what replaced a match, and has another own time, is told on this page. Behind the page's end it comes later. Before its beginning it was
 * told on an earlier page where the match is of cold, whose objects keep what was replaced; hot and warm do not, so there it was replaced
 * since they were listed, and no page has told it. A cold memory that is replaced by a newer version between two pages is thus on none of them: a
 * new search has it at its beginning.
 */
function belongsHere(
  row: StoredMemory,
  { tier }: ListedMatch,
  { after, until }: { after: MatchStart | undefined; until: MatchStart | undefined },
): boolean {
  if (until !== undefined && newest(until, row) < 0) return false;
  return tier !== 'cold' || after === undefined || newest(after, row) < 0;
}

interface PageStart {
  after: MatchStart | undefined;
  limit: number;
}

/** A page never comes back to what it passed: what moves meanwhile must be on it. */
function matchesOfAll(running: Running, page: PageStart): Promise<TierMatches[]> {
  const look = (tiers: readonly Tier[]): Promise<TierMatches[]> =>
    Promise.all(tiers.map((tier) => matchesOf(running, tier, page)));
  return lookTwiceWhereMoved(running, running.request.filters.tiers, look, merged);
}

async function matchesOf(
  { context, request, terms, budget }: Running,
  tier: Tier,
  page: PageStart,
): Promise<TierMatches> {
  const attempt = await budget.attempt(
    SHARES.candidates,
    (signal, leftMs) =>
      context.store.listMatches(tier, terms, request.filters, page, { waitMs: leftMs, signal }),
    limitOf(tier, context.tierTimes ?? {}),
  );
  const matches = attempt.ok ? attempt.value : [];
  return {
    tier,
    matches,
    full: matches.length >= page.limit,
    ms: attempt.ms,
    faults: attempt.ok ? [] : [`words: ${attempt.reason}`],
  };
}

function merged(before: TierMatches | undefined, now: TierMatches): TierMatches {
  if (before === undefined) return now;
  // With the time: a memory that was replaced meanwhile stands at another place of the list, and no more at the one that it had.
  const placeOf = (match: Match): string => `${match.ownTime} ${keyText(match)}`;
  const known = new Set(before.matches.map(placeOf));
  return {
    ...now,
    matches: [...before.matches, ...now.matches.filter((match) => !known.has(placeOf(match)))],
    full: before.full || now.full,
    ms: before.ms + now.ms,
    faults: [...before.faults, ...now.faults],
  };
}

/** As the tiers order them: keys by their bytes. */
function newest(a: Match, b: Match): number {
  if (a.ownTime !== b.ownTime) return b.ownTime - a.ownTime;
  if (a.systemId !== b.systemId) return a.systemId < b.systemId ? -1 : 1;
  if (a.kind !== b.kind) return a.kind < b.kind ? -1 : 1;
  return Buffer.compare(Buffer.from(a.memoryId), Buffer.from(b.memoryId));
}

function holdsAll({ content }: StoredMemory, terms: readonly string[]): boolean {
  const text = foldText(content);
  return terms.every((term) => {
    for (const { whole } of occurrences(text, foldTerm(term))) if (whole) return true;
    return false;
  });
}

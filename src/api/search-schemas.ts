import { z } from 'zod';
import { KINDS, SEARCH_SORTS, TIERS } from '../contract/index.js';
import { DEFAULT_LIMIT, MAX_LIMIT, type SearchAnswer, type SearchRequest } from '../search/index.js';
import { Count, Query, SystemId, Time } from './schemas.js';

const LIMIT_RULE = `must be a whole number from 1 to ${MAX_LIMIT}`;
const TIER_RULE = `must be ${TIERS.join(', ')}, or a list of these`;

const TierName = z.enum(TIERS, { error: TIER_RULE });

export const SearchBody = z.strictObject({
  query: Query,
  limit: z.int({ error: LIMIT_RULE }).min(1, LIMIT_RULE).max(MAX_LIMIT, LIMIT_RULE).default(DEFAULT_LIMIT),
  system_id: SystemId.optional(),
  kind: z.enum(KINDS, { error: `must be one of ${KINDS.join(', ')}` }).optional(),
  project: z.string({ error: 'must be a text' }).optional(),
  tag: z
    .string({ error: 'must be a text' })
    .optional()
    .describe('One of the memory’s tags, as it is written.'),
  since: Time.optional().describe('Own times from this one on.'),
  until: Time.optional().describe('Own times before this one.'),
  known_by: Time.optional().describe(
    'Only what had been ingested by then, in its present wording. A memory that changed since is found as it is now.',
  ),
  tier: z
    .union([TierName.transform((tier) => [tier]), z.array(TierName).min(1, TIER_RULE)], { error: TIER_RULE })
    .optional(),
  sort: z
    .enum(SEARCH_SORTS, { error: `must be one of ${SEARCH_SORTS.join(', ')}` })
    .default('relevance')
    .describe(
      'relevance: the best first, by meaning and by words. time: all that hold every word of the query, the newest first.',
    ),
  cursor: z
    .string({ error: 'must be a text' })
    .optional()
    .describe('next_cursor of the page before, with the same query, filters and sort.'),
  snippets: z.boolean({ error: 'must be true or false' }).default(false),
  explain: z.boolean({ error: 'must be true or false' }).default(false),
});

const Share = z.object({ rank: z.int(), score: z.number(), weight: z.number(), part: z.number() }).nullable();

export const SearchReply = z.object({
  query: z.string(),
  results: z.array(
    z.object({
      system_id: z.string(),
      kind: z.enum(KINDS),
      memory_id: z.string(),
      content: z.string(),
      project: z.string().nullable(),
      tags: z.array(z.string()),
      created_at: z.string().describe('Own time, ISO 8601.'),
      tier: z.enum(TIERS),
      score: z.number().describe('Orders one answer; says nothing across answers.'),
      matched: z.array(z.enum(['vector', 'words'])),
      snippet: z
        .object({
          text: z.string().describe('A part of the content as it stands there, not escaped for any markup.'),
          marks: z
            .array(z.tuple([z.int(), z.int()]))
            .describe('Where words of the query stand in the text: from and to before, in UTF-16 units.'),
          cut_before: z.boolean(),
          cut_behind: z.boolean(),
        })
        .optional(),
      explain: z
        .object({
          vector: Share.describe(
            'By meaning: its rank, its cosine (in cold as signs estimate it), and its part of the score.',
          ),
          words: Share.describe(
            'By words: its rank, its BM25, its weight (by the share of the query’s words that it holds), and its part.',
          ),
          recency: z.number().nullable().describe('What the sum of both parts was multiplied by.'),
          age_days: z.number(),
          known_since: z.string().describe('When it was first ingested, ISO 8601.'),
        })
        .optional(),
    }),
  ),
  total_results: Count.describe('On this page.'),
  next_cursor: z.string().nullable().describe('cursor of the next page; null behind the last.'),
  partial: z
    .array(z.object({ tier: z.enum(TIERS), reason: z.string() }))
    .describe('Tiers of which something is missing.'),
  tiers: z.partialRecord(z.enum(TIERS), z.object({ ms: z.number(), candidates: Count })),
  mode: z.enum(['vector+words', 'vector', 'words', 'none']),
  embedding: z.object({ available: z.boolean(), reason: z.string().nullable() }),
  took_ms: z.number(),
});

export function toSearchRequest(body: z.output<typeof SearchBody>): SearchRequest {
  const { query, system_id, known_by, tier, ...rest } = body;
  return { ...rest, text: query, systemId: system_id, knownBy: known_by, tiers: tier };
}

export function toSearchReply(query: string, answer: SearchAnswer): z.input<typeof SearchReply> {
  const { results, nextCursor, partial, tiers, mode, embedding, ms } = answer;
  return {
    query,
    results: results.map(toReply),
    total_results: results.length,
    next_cursor: nextCursor,
    partial,
    tiers,
    mode,
    embedding,
    took_ms: ms,
  };
}

function toReply(result: SearchAnswer['results'][number]) {
  const { systemId, memoryId, createdAt, snippet, explain, ...rest } = result;
  return {
    system_id: systemId,
    memory_id: memoryId,
    created_at: createdAt,
    ...rest,
    ...(snippet === undefined
      ? {}
      : {
          snippet: {
            text: snippet.text,
            marks: snippet.marks,
            cut_before: snippet.cutBefore,
            cut_behind: snippet.cutBehind,
          },
        }),
    ...(explain === undefined
      ? {}
      : {
          explain: {
            vector: explain.vector,
            words: explain.words,
            recency: explain.recency,
            age_days: explain.ageDays,
            known_since: explain.knownSince,
          },
        }),
  };
}

import { z } from 'zod';
import { brokenQueryRule, KINDS, MAX_QUERY_CHARACTERS, TIERS } from '../contract/index.js';
import { DEFAULT_LIMIT, MAX_LIMIT } from '../search/index.js';
import { CircuitBreakerReply } from './circuit-breakers.js';

const LIMIT_RULE = `must be a whole number from 1 to ${MAX_LIMIT}`;
const TIER_RULE = `must be ${TIERS.join(', ')}, or a list of these`;
const TIME_RULE = 'must be an ISO 8601 time with its zone such as 2026-11-22T12:00:00Z, or a date (UTC)';

/** Becomes milliseconds since 1970. A time without a zone would mean another instant on every machine. */
export const Time = z
  .union([z.iso.datetime({ offset: true }), z.iso.date()], { error: TIME_RULE })
  .transform((text) => Date.parse(text));

const TierName = z.enum(TIERS, { error: TIER_RULE });

export const SystemId = z
  .string({ error: 'must be a text' })
  .regex(/^[A-Za-z0-9_-]{1,100}$/, 'must be 1 to 100 letters, digits, "-" and "_"');

export const Query = z
  .string({ error: 'must be a text' })
  .superRefine((text, context) => {
    const message = brokenQueryRule(text);
    if (message !== undefined) context.addIssue({ code: 'custom', message });
  })
  .meta({
    description: 'Any text but a blank one: there is no query language.',
    minLength: 1,
    maxLength: MAX_QUERY_CHARACTERS,
  });

export const SearchBody = z.strictObject({
  query: Query,
  limit: z.int({ error: LIMIT_RULE }).min(1, LIMIT_RULE).max(MAX_LIMIT, LIMIT_RULE).default(DEFAULT_LIMIT),
  system_id: SystemId.optional(),
  kind: z.enum(KINDS, { error: `must be one of ${KINDS.join(', ')}` }).optional(),
  project: z.string({ error: 'must be a text' }).optional(),
  since: Time.optional().describe('Own times from this one on.'),
  until: Time.optional().describe('Own times before this one.'),
  tier: z
    .union([TierName.transform((tier) => [tier]), z.array(TierName).min(1, TIER_RULE)], { error: TIER_RULE })
    .optional(),
});

export const Count = z.int().nonnegative();

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
    }),
  ),
  total_results: Count,
  partial: z
    .array(z.object({ tier: z.enum(TIERS), reason: z.string() }))
    .describe('Tiers of which something is missing.'),
  tiers: z.partialRecord(z.enum(TIERS), z.object({ ms: z.number(), candidates: Count })),
  mode: z.enum(['vector+words', 'vector', 'words', 'none']),
  embedding: z.object({ available: z.boolean(), reason: z.string().nullable() }),
  took_ms: z.number(),
});

/** A request may come without a body, which Fastify hands over as null. */
export const TriggerBody = z
  .strictObject({ system_id: SystemId.optional().describe('Look at this system alone; by default at all.') })
  .nullish();

/** What would be ignored is refused, so that nobody takes a walk over everything for one over a system. */
export const NoQueryString = z.strictObject({});

export const TriggerReply = z.object({
  workflow_id: z.string(),
  run_id: z
    .string()
    .describe('The same as in an earlier reply: its walk is still under way, and was joined.'),
});

export const CircuitBreakersReply = z.object({ circuit_breakers: z.array(CircuitBreakerReply) });

export const ShutdownReply = z.object({ status: z.literal('shutting_down') });

export const StatusReply = z.record(z.string(), z.unknown());

export const HealthReply = z.object({
  status: z.literal('ok'),
  service: z.literal('akosha'),
  version: z.string(),
});

export const ReadyReply = z.object({
  status: z.enum(['ready', 'not_ready']),
  checks: z.record(z.string(), z.string()),
});

export const ErrorReply = z.object({
  error: z.object({
    code: z.string(),
    message: z.string(),
    details: z.record(z.string(), z.unknown()).optional(),
  }),
});

/** The replies of a route besides its success. */
export const FAILURES = { '4xx': ErrorReply, '5xx': ErrorReply } as const;

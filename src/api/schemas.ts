import { z } from 'zod';
import { brokenQueryRule, MAX_QUERY_CHARACTERS } from '../contract/index.js';
import { CircuitBreakerReply } from './circuit-breakers.js';

const TIME_RULE = 'must be an ISO 8601 time with its zone such as 2026-11-22T12:00:00Z, or a date (UTC)';

/** Becomes milliseconds since 1970. A time without a zone would mean another instant on every machine. */
export const Time = z
  .union([z.iso.datetime({ offset: true }), z.iso.date()], { error: TIME_RULE })
  .transform((text) => Date.parse(text));

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

export const Count = z.int().nonnegative();

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

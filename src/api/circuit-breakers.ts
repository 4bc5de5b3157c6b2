import { z } from 'zod';
import type { CircuitBreakerStatus } from '../runtime/index.js';

const Count = z.int().min(0);

/** A circuit breaker as routes and status tell of it. */
export const CircuitBreakerReply = z.object({
  name: z.string(),
  state: z
    .enum(['closed', 'open', 'half_open'])
    .describe('Open: calls fail at once. Half-open: one call tries whether the remote is back.'),
  failures: Count.describe('Since the last success.'),
  last_failure: z.string().nullable(),
  last_failure_at: z.string().nullable(),
  opened_at: z.string().nullable(),
  retry_at: z.string().nullable().describe('When an open one lets a call through to try.'),
  calls: z
    .object({ succeeded: Count, failed: Count, refused: Count })
    .describe('Since the program began; refused are those that were not made.'),
});

export function toBreakerReply(status: CircuitBreakerStatus): z.output<typeof CircuitBreakerReply> {
  const { name, state, failures, lastFailure, lastFailureAt, openedAt, retryAt, calls } = status;
  return {
    name,
    state,
    failures,
    last_failure: lastFailure,
    last_failure_at: isoTime(lastFailureAt),
    opened_at: isoTime(openedAt),
    retry_at: isoTime(retryAt),
    calls,
  };
}

function isoTime(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}

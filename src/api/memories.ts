import { z } from 'zod';
import { isoTime, KINDS, TIERS } from '../contract/index.js';
import type { PageStart, WholeMemory } from '../store/index.js';
import type { App } from './app.js';
import { Kind } from './memory-key.js';
import { FAILURES, SystemId, Time } from './schemas.js';
import type { ApiServices } from './services.js';

/** A page of rows with their vectors is some megabytes as JSON; more at once would hold up the server's other answers. */
const MAX_PAGE = 500;
const PAGE = 200;

const AFTER_RULE = `must be the next of another page: one of ${KINDS.join(', ')}, then ":", then a memory's id`;

/** As text, so that a person can see where a page begins. No kind has a colon. */
const After = z.string().transform((text, context): PageStart => {
  const [, name, memoryId = ''] = /^([a-z]+):(.*)$/s.exec(text) ?? [];
  const kind = KINDS.find((known) => known === name);
  if (kind !== undefined) return { kind, memoryId };
  context.addIssue({ code: 'custom', message: AFTER_RULE });
  return z.NEVER;
});

const LIMIT_RULE = `must be a whole number from 1 to ${MAX_PAGE}`;
const Page = z.strictObject({
  after: After.optional(),
  kind: Kind.optional(),
  project: z.string().optional(),
  since: Time.optional().describe('Own times from this one on.'),
  until: Time.optional().describe('Own times before this one.'),
  limit: z.coerce
    .number({ error: LIMIT_RULE })
    .int(LIMIT_RULE)
    .min(1, LIMIT_RULE)
    .max(MAX_PAGE, LIMIT_RULE)
    .default(PAGE),
});

const MemoriesReply = z.object({
  memories: z.array(
    z.object({
      kind: z.enum(KINDS),
      memory_id: z.string(),
      tier: z.enum(TIERS),
      created_at: z.iso.datetime().describe('Own time.'),
      hash: z.string().describe('The content hash.'),
      content: z.string(),
      project: z.string().nullable(),
      tags: z.array(z.string().nullable()).nullable(),
      fields: z
        .string()
        .describe('The other columns of the host’s database: a JSON object, times in the host’s own zone.'),
      embedding: z.array(z.number()).nullable().describe('Rounded in warm; none in cold.'),
    }),
  ),
  next: z.string().nullable().describe('`after` of the next page; null behind the last.'),
});

/** `GET /api/v1/systems/{system_id}/memories`: all that a system has, page by page. */
export function memoryRoutes(app: App, services: ApiServices): void {
  app.get(
    '/api/v1/systems/:system_id/memories',
    {
      schema: {
        summary: 'A page of the current memories of a system, from all tiers, in order of kind and id',
        params: z.object({ system_id: SystemId }),
        querystring: Page,
        response: { 200: MemoriesReply, ...FAILURES },
      },
    },
    async (request) => {
      const { memories, next } = await services.listMemories(request.params.system_id, request.query);
      return {
        memories: memories.map(toReply),
        next: next === null ? null : `${next.kind}:${next.memoryId}`,
      };
    },
  );
}

function toReply({ systemId: _asked, memoryId, ownTime, ...memory }: WholeMemory) {
  return { memory_id: memoryId, created_at: isoTime(ownTime), ...memory };
}

import { z } from 'zod';
import { FINDING_KINDS } from '../contract/index.js';
import type { App } from './app.js';
import { Count, FAILURES, NoQueryString } from './schemas.js';
import type { ApiServices } from './services.js';

const ScrubRun = z.object({
  id: z.string(),
  begun_at: z.string(),
  ended_at: z.string().nullable().describe('Null while it runs, and of one that died.'),
  passed: z.boolean().nullable(),
  report: z
    .object({
      objects: Count,
      bytes: Count,
      placements: Count,
      rows: Count,
      findings: Count,
      skipped: z.array(z.string()).describe('Tiers that were damaged, which `akosha repair` brings back.'),
    })
    .nullable(),
});

const ScrubReply = z.object({
  stopped_since: z
    .string()
    .nullable()
    .describe('Since when nothing is moved or deleted because of what was found; null where nothing stands.'),
  findings: z
    .array(
      z.object({
        kind: z.enum(FINDING_KINDS),
        subject: z.string(),
        expected: z.string(),
        found: z.string(),
        found_at: z.string(),
      }),
    )
    .describe('That nobody has released yet, in the order in which they were found.'),
  findings_left_out: Count,
  last: ScrubRun.nullable(),
});

export type ScrubStatus = z.infer<typeof ScrubReply>;

const BegunReply = z.object({ workflow_id: z.string(), run_id: z.string() });

const ReleaseBody = z.strictObject({
  reason: z
    .string({ error: 'must be a text' })
    .trim()
    .min(1, 'must not be blank')
    .max(500)
    .describe('What was done about them; it is kept with them.'),
});

/** What stands compared with what is on record. */
export function scrubRoutes(app: App, services: ApiServices): void {
  app.get(
    '/api/v1/scrub',
    {
      schema: {
        summary: 'What the last scrub came to, and what it found that nobody has released',
        response: { 200: ScrubReply, ...FAILURES },
      },
    },
    () => services.scrubStatus(),
  );
  app.post(
    '/api/v1/scrub',
    {
      schema: {
        summary: 'Begin a scrub, or join the one that was asked for and still runs',
        querystring: NoQueryString,
        response: { 202: BegunReply, ...FAILURES },
      },
    },
    async (_request, reply) => {
      const { workflowId, runId } = await services.scrub();
      return reply.code(202).send({ workflow_id: workflowId, run_id: runId });
    },
  );
  app.post(
    '/api/v1/scrub/release',
    {
      schema: {
        summary: 'Let moving go on though a scrub found mismatches; they are kept with the reason',
        querystring: NoQueryString,
        body: ReleaseBody,
        response: { 200: z.object({ released: Count }), ...FAILURES },
      },
    },
    async ({ body: { reason } }) => ({ released: await services.releaseScrub(reason) }),
  );
}

import { z } from 'zod';
import type { App } from './app.js';
import { Count, FAILURES, NoQueryString } from './schemas.js';
import type { ApiServices } from './services.js';

const DrillReply = z.object({
  last: z
    .object({
      id: z.string(),
      begun_at: z.string(),
      ended_at: z.string().nullable().describe('Null while it runs, and of one that died.'),
      report: z
        .object({
          passed: z.boolean(),
          reason: z.string().nullable().describe('Why it failed.'),
          memories: Count.describe('That were compared by their content hashes.'),
          later: Count.describe('Left out, because they came, changed or were forgotten since it began.'),
          mismatches: Count,
          examples: z.array(z.string()),
          objects: Count,
          seconds: z.number(),
        })
        .nullable(),
    })
    .nullable(),
});

export type DrillStatus = z.infer<typeof DrillReply>;

const BegunReply = z.object({ workflow_id: z.string(), run_id: z.string() });

/** The store rebuilt from object storage into a scratch folder, and compared. */
export function drillRoutes(app: App, services: ApiServices): void {
  app.get(
    '/api/v1/drill',
    {
      schema: { summary: 'What the last restore drill came to', response: { 200: DrillReply, ...FAILURES } },
    },
    () => services.drillStatus(),
  );
  app.post(
    '/api/v1/drill',
    {
      schema: {
        summary: 'Begin a restore drill, or join the one that was asked for and still runs',
        querystring: NoQueryString,
        response: { 202: BegunReply, ...FAILURES },
      },
    },
    async (_request, reply) => {
      const { workflowId, runId } = await services.drill();
      return reply.code(202).send({ workflow_id: workflowId, run_id: runId });
    },
  );
}

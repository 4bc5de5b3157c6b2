import { z } from 'zod';
import { TABLE_TIERS } from '../contract/index.js';
import type { App } from './app.js';
import { FAILURES, NoQueryString } from './schemas.js';
import type { ApiServices } from './services.js';

const Rows = z.int().nonnegative();
const RepairTier = z.enum(TABLE_TIERS, { error: `must be one of ${TABLE_TIERS.join(', ')}` });

/** A request may come without a body, which Fastify hands over as null. */
const RepairBody = z.strictObject({ tier: RepairTier.optional().describe('By default both.') }).nullish();

const RepairReply = z.object({
  running: z.boolean(),
  damaged: z
    .array(z.object({ tier: RepairTier, since: z.string() }))
    .describe('Tiers of which rows may be missing, until a repair is through.'),
  tiers: z
    .array(
      z.object({
        tier: RepairTier,
        set_aside: z
          .object({ reason: z.string(), file: z.string() })
          .nullable()
          .describe('Why the file of the tier was taken out of use, and where it is now.'),
        checked: Rows,
        lost: Rows,
        repaired: Rows,
        held: Rows.describe('Memories that could not be brought back; the next repair tries them again.'),
      }),
    )
    .describe('Of the repair that runs, or ran last since the server started.'),
  failure: z.string().nullable().describe('Why the last one ended early.'),
});

export type RepairStatus = z.infer<typeof RepairReply>;

/** What of the store is damaged, and its repair. */
export function repairRoutes(app: App, services: ApiServices): void {
  app.get(
    '/api/v1/repair',
    {
      schema: {
        summary: 'Which tiers lost rows, and how far a repair has come',
        response: { 200: RepairReply, ...FAILURES },
      },
    },
    () => services.repairStatus(),
  );
  app.post(
    '/api/v1/repair',
    {
      schema: {
        summary:
          'Bring back what a tier lost from object storage, in the background, or join the repair that runs',
        querystring: NoQueryString,
        body: RepairBody,
        response: { 202: RepairReply, ...FAILURES },
      },
    },
    async ({ body }, reply) =>
      reply.code(202).send(services.repair(body?.tier === undefined ? TABLE_TIERS : [body.tier])),
  );
}

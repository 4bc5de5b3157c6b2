import { z } from 'zod';
import { KINDS, WORKFLOW_IDS, type ForgetScope } from '../contract/index.js';
import { ForgetReceiptSchema, scopeIdOf, scopeToJson } from '../memory/index.js';
import type { ForgetRecord } from '../store/index.js';
import type { App } from './app.js';
import { FAILURES, SystemId } from './schemas.js';
import type { ApiServices } from './services.js';

const SCOPE_RULE =
  'must name a system, a project (of a system or of all), or a memory by system, kind and id';

const Text = z.string({ error: 'must be a text' }).min(1, 'must not be empty');

const Scope = z.strictObject({
  system_id: SystemId.optional(),
  project: Text.optional().describe('Of all systems, where none is named.'),
  kind: z.enum(KINDS, { error: `must be one of ${KINDS.join(', ')}` }).optional(),
  memory_id: Text.optional(),
});

type Scope = z.output<typeof Scope>;

function toScope(
  { system_id, project, kind, memory_id }: Scope,
  context: z.core.$RefinementCtx<Scope>,
): ForgetScope {
  const isMemory = kind !== undefined || memory_id !== undefined;
  if (
    isMemory &&
    system_id !== undefined &&
    kind !== undefined &&
    memory_id !== undefined &&
    project === undefined
  )
    return { scope: 'memory', systemId: system_id, kind, memoryId: memory_id };
  if (!isMemory && project !== undefined) return { scope: 'project', project, systemId: system_id ?? null };
  if (!isMemory && system_id !== undefined) return { scope: 'system', systemId: system_id };
  context.addIssue({ code: 'custom', message: SCOPE_RULE });
  return z.NEVER;
}

const ScopeBody = Scope.transform(toScope);

const Count = z.int().nonnegative();
const ByTier = z.object({ hot: Count, warm: Count, cold: Count });

const ForgetReply = z.object({
  scope_id: z.string().describe('Names it in `GET /api/v1/forget/…`.'),
  what: ForgetReceiptSchema.shape.what,
  requested_at: z.iso.datetime(),
  lifted_at: z.iso.datetime().nullable().describe('Since when its memories are let in again.'),
  memories: ByTier.describe('Found until then, by their tier.'),
  rows: Count.describe('Erased so far, older versions included.'),
  uploads: Count.describe('Of which the raw files are deleted so far.'),
  receipt: ForgetReceiptSchema.nullable().describe('Null until nothing of it stands anywhere.'),
});

const RequestReply = ForgetReply.extend({
  workflow_id: z.string(),
  started: z
    .boolean()
    .describe('False where Temporal is away: what is forgotten is not found, and is erased later.'),
});

const PreviewReply = z.object({
  scope_id: z.string(),
  memories: ByTier,
  systems: Count,
  objects: Count.describe('Journal and cold objects to look through.'),
  uploads: Count.describe('Uploads whose raw files stand.'),
});

const Page = z.strictObject({ limit: z.coerce.number().int().min(1).max(500).default(100) });

const ScopePath = z.object({ scope: z.enum(['system', 'project', 'memory']), name: SystemId });

/** What is forgotten, and what is to be. */
export function forgetRoutes(app: App, services: ApiServices): void {
  app.post(
    '/api/v1/forget',
    {
      schema: {
        summary:
          'Forget a system, a project or a memory: not found from the reply on, then erased everywhere',
        body: ScopeBody,
        response: { 202: RequestReply, ...FAILURES },
      },
    },
    async ({ body }, reply) => {
      const { record, started } = await services.forget(body);
      const workflow_id = WORKFLOW_IDS.forgetSystem(record.scopeId);
      return reply.code(202).send({ ...toReply(record), workflow_id, started });
    },
  );
  app.post(
    '/api/v1/forget/preview',
    {
      schema: {
        summary: 'What a forget would take; changes nothing',
        body: ScopeBody,
        response: { 200: PreviewReply, ...FAILURES },
      },
    },
    async ({ body }) => ({ scope_id: scopeIdOf(body), ...(await services.previewForget(body)) }),
  );
  app.post(
    '/api/v1/forget/lift',
    {
      schema: {
        summary: 'Let what was forgotten in again, with the next uploads that bring it',
        body: ScopeBody,
        response: { 200: ForgetReply, ...FAILURES },
      },
    },
    async ({ body }) => {
      await services.liftForget(body);
      return toReply(await services.getForget(scopeIdOf(body)));
    },
  );
  app.get(
    '/api/v1/forget',
    {
      schema: {
        summary: 'What was forgotten, the latest first, with its receipts',
        querystring: Page,
        response: { 200: z.object({ forgets: z.array(ForgetReply) }), ...FAILURES },
      },
    },
    async ({ query }) => ({ forgets: (await services.listForgets(query.limit)).map(toReply) }),
  );
  app.get(
    '/api/v1/forget/:scope/:name',
    {
      schema: {
        summary: 'What became of one',
        params: ScopePath,
        response: { 200: ForgetReply, ...FAILURES },
      },
    },
    async ({ params: { scope, name } }) => toReply(await services.getForget(`${scope}/${name}`)),
  );
}

function toReply({
  scopeId,
  scope,
  requestedAt,
  liftedAt,
  counts,
  receipt,
}: ForgetRecord): z.input<typeof ForgetReply> {
  return {
    scope_id: scopeId,
    what: scopeToJson(scope),
    requested_at: new Date(requestedAt).toISOString(),
    lifted_at: liftedAt === null ? null : new Date(liftedAt).toISOString(),
    memories: counts.memories,
    rows: counts.rows,
    uploads: counts.uploads,
    receipt,
  };
}

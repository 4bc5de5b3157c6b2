import { z } from 'zod';
import { AkoshaError, stepsOf, type MoveAction, type Tier } from '../contract/index.js';
import type { App } from './app.js';
import { callerGone } from './caller.js';
import { FAILURES } from './schemas.js';
import { MatchedReply, requireSelection, SELECTION_FIELDS, toSelection } from './selection.js';
import type { ApiServices } from './services.js';

const DryRun = z.boolean({ error: 'must be true or false' }).default(false).describe('Only count.');

const MoveBody = z
  .strictObject({
    ...SELECTION_FIELDS,
    to: z.enum(['warm', 'cold'], { error: 'must be warm or cold' }),
    dry_run: DryRun,
  })
  .superRefine(requireSelection);

const ThawBody = z
  .strictObject({
    ...SELECTION_FIELDS,
    to: z.enum(['hot', 'warm'], { error: 'must be hot or warm' }),
    dry_run: DryRun,
  })
  .superRefine(requireSelection);

const MoveReply = z.object({
  dry_run: z.boolean(),
  matched: MatchedReply,
  total: z.int().describe('Of these the ones that are not where they are to be, or beyond.'),
  workflow_id: z.string().nullable().describe('Null of a dry run.'),
  run_id: z.string().nullable(),
});

/** Moves that a person asks for. */
export function moveRoutes(app: App, services: ApiServices): void {
  app.post(
    '/api/v1/move',
    {
      schema: {
        summary: 'Begin to move memories to a colder tier, whatever their age',
        body: MoveBody,
        response: { 202: MoveReply, ...FAILURES },
      },
    },
    async ({ body }, reply) => reply.code(202).send(await begin('move', body, callerGone(reply))),
  );
  app.post(
    '/api/v1/thaw',
    {
      schema: {
        summary: 'Begin to bring memories back to a warmer tier, where they stay for some days',
        body: ThawBody,
        response: { 202: MoveReply, ...FAILURES },
      },
    },
    async ({ body }, reply) => reply.code(202).send(await begin('thaw', body, callerGone(reply))),
  );

  async function begin(
    action: MoveAction,
    { to, dry_run: dryRun, ...body }: z.output<typeof MoveBody> | z.output<typeof ThawBody>,
    signal: AbortSignal,
  ): Promise<z.input<typeof MoveReply>> {
    const selection = await services.select(toSelection(body), signal);
    const { tiers: matched } = await services.describeSelection(selection);
    const total = countFrom(action, to, matched);
    if (dryRun) return { dry_run: true, matched, total, workflow_id: null, run_id: null };
    if (total === 0) {
      throw new AkoshaError(
        'MemoryUnknown',
        `nothing to ${action}: no memory is selected that is ${describeFrom(action, to)}`,
      );
    }
    const { workflowId, runId } = await services.moveMemories({ action, to, selection, total });
    return { dry_run: false, matched, total, workflow_id: workflowId, run_id: runId };
  }
}

function fromTiers(action: MoveAction, to: Tier): Tier[] {
  return stepsOf(action, to).map(({ from }) => from);
}

function countFrom(action: MoveAction, to: Tier, matched: Record<Tier, number>): number {
  return fromTiers(action, to).reduce((sum, tier) => sum + matched[tier], 0);
}

function describeFrom(action: MoveAction, to: Tier): string {
  return fromTiers(action, to).join(' or ');
}

import { z } from 'zod';
import { isoTime, KINDS } from '../contract/index.js';
import type { Pin, PinPageStart } from '../store/index.js';
import type { App } from './app.js';
import { callerGone } from './caller.js';
import { FAILURES, SystemId } from './schemas.js';
import { MatchedReply, requireSelection, SELECTION_FIELDS, toSelection } from './selection.js';
import type { ApiServices } from './services.js';

const TIER_RULE = 'must be hot or warm: out of cold memories go by thawing alone';

export const PinReply = z.object({
  system_id: z.string(),
  kind: z.enum(KINDS).nullable().describe('Null, as the id, for all of a system.'),
  memory_id: z.string().nullable(),
  source: z.enum(['pin', 'thaw']).describe('What made it: a person, or a thaw.'),
  tier: z
    .enum(['hot', 'warm'])
    .nullable()
    .describe('The coldest tier that it may be in; null: whichever it is in.'),
  since: z.iso.datetime(),
  until: z.iso.datetime().nullable(),
  reason: z.string().nullable(),
});

export function toPinReply({ systemId, memoryId, since, until, ...pin }: Pin) {
  return {
    system_id: systemId,
    memory_id: memoryId,
    since: isoTime(since),
    until: until === null ? null : isoTime(until),
    ...pin,
  };
}

const DryRun = z.boolean({ error: 'must be true or false' }).default(false).describe('Only count.');

const PinBody = z
  .strictObject({
    ...SELECTION_FIELDS,
    tier: z
      .enum(['hot', 'warm'], { error: TIER_RULE })
      .optional()
      .describe('The coldest tier that they may be in; by default that in which each is now.'),
    reason: z.string({ error: 'must be a text' }).trim().min(1, 'must not be blank').max(500).optional(),
    dry_run: DryRun,
  })
  .superRefine(requireSelection);

const UnpinBody = z.strictObject({ ...SELECTION_FIELDS, dry_run: DryRun }).superRefine(requireSelection);

const ChangeReply = z.object({
  dry_run: z.boolean(),
  system: z
    .string()
    .nullable()
    .describe('The system that is meant with all that it has and gets; null: the memories that stand now.'),
  matched: MatchedReply,
  pins: z.int().nullable().describe('Pins made or renewed, or taken away; null of a dry run.'),
});

const MAX_PAGE = 500;
const LIMIT_RULE = `must be a whole number from 1 to ${MAX_PAGE}`;
const AFTER_RULE = 'must be the next of another page';

/** A place in the list as text, opaque to callers: JSON in base64url. */
const Place = z.tuple([z.string(), z.enum(KINDS).nullable(), z.string().nullable(), z.enum(['pin', 'thaw'])]);
const After = z.string().transform((text, context): PinPageStart => {
  const place = Place.safeParse(jsonOf(Buffer.from(text, 'base64url').toString()));
  if (place.success) {
    const [systemId, kind, memoryId, source] = place.data;
    return { systemId, kind, memoryId, source };
  }
  context.addIssue({ code: 'custom', message: AFTER_RULE });
  return z.NEVER;
});

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const Page = z.strictObject({
  system_id: SystemId.optional(),
  after: After.optional(),
  limit: z.coerce
    .number({ error: LIMIT_RULE })
    .int(LIMIT_RULE)
    .min(1, LIMIT_RULE)
    .max(MAX_PAGE, LIMIT_RULE)
    .default(100),
});

const PinsReply = z.object({
  pins: z.array(PinReply),
  next: z.string().nullable().describe('`after` of the next page; null behind the last.'),
});

/** Memories that stay in their tier. */
export function pinRoutes(app: App, services: ApiServices): void {
  app.get(
    '/api/v1/pins',
    {
      schema: {
        summary: 'A page of the pins, in order of system, kind and id',
        querystring: Page,
        response: { 200: PinsReply, ...FAILURES },
      },
    },
    async ({ query: { system_id: systemId, after, limit } }) => {
      const { pins, next } = await services.listPins({ systemId, after, limit });
      return { pins: pins.map(toPinReply), next: next && placeText(next) };
    },
  );
  app.post(
    '/api/v1/pins',
    {
      schema: {
        summary: 'Keep memories from getting colder than a tier',
        body: PinBody,
        response: { 200: ChangeReply, ...FAILURES },
      },
    },
    async ({ body: { tier = null, reason = null, dry_run, ...body } }, reply) => {
      const selection = await services.select(toSelection(body), callerGone(reply));
      const { system, tiers } = await services.describeSelection(selection);
      const pins = dry_run ? null : await services.pin(selection, { tier, reason });
      return { dry_run, system, matched: tiers, pins };
    },
  );
  app.post(
    '/api/v1/pins/remove',
    {
      schema: {
        summary: 'Let memories age again; of a system alone also those that are pinned by themselves',
        body: UnpinBody,
        response: { 200: ChangeReply, ...FAILURES },
      },
    },
    async ({ body: { dry_run, ...body } }, reply) => {
      const selection = await services.select(toSelection(body), callerGone(reply));
      const { system, tiers } = await services.describeSelection(selection);
      const pins = dry_run ? null : await services.unpin(selection);
      return { dry_run, system, matched: tiers, pins };
    },
  );
}

function placeText({ systemId, kind, memoryId, source }: PinPageStart): string {
  return Buffer.from(JSON.stringify([systemId, kind, memoryId, source])).toString('base64url');
}

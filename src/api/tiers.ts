import { z } from 'zod';
import { KINDS, TIERS, type Tier } from '../contract/index.js';
import type { Forecast } from '../maintenance/index.js';
import type { TierCounts, TierPause, TransitionReport } from '../store/index.js';
import type { App } from './app.js';
import { Count, FAILURES, Time } from './schemas.js';
import type { ApiServices } from './services.js';

const TierReply = z.object({
  rows: Count,
  bytes: Count.describe(
    'On disk or in object storage. Of hot and warm the size of their database files with their logs: some kilobytes where they ' +
      'are empty, and what deleted rows freed is used again but not given back. Of cold the objects that hold a row; 0 where there is none.',
  ),
  used_bytes: Count.describe(
    'Of them what rows take: the blocks of a database file that are in use, of 256 KiB each, and its log. Rows that no longer count are in it ' +
      'until they are swept, of cold until a compaction leaves them out.',
  ),
  bytes_per_memory: Count.nullable().describe('`used_bytes` by `rows`; null where there is none.'),
  kinds: z.record(z.enum(KINDS), Count),
});

const PauseReply = z.object({ since: z.string(), reason: z.string() });

const TiersReply = z.object({
  tiers: z.record(z.enum(TIERS), TierReply),
  paused: PauseReply.nullable().describe('Since when and why memories are not moved; null where they are.'),
});

const PauseBody = z.strictObject({
  reason: z
    .string({ error: 'must be a text' })
    .trim()
    .min(1, 'must not be blank')
    .max(500)
    .describe('Told by the status, until it is resumed.'),
});

const ResumeReply = z.object({ resumed: z.boolean().describe('False where it was not paused.') });

const Month = z.string().describe('Of the rows’ own time, UTC, such as 2026-11.');
const Step = z
  .enum(['warm', 'cold', 'compacted', 'expired'])
  .describe(
    'The tier that the rows go to; or they were written anew in a merged cold object; or they are gone, being older than memories are kept.',
  );

const ForecastQuery = z.strictObject({
  as_of: Time.optional().describe('As if it were then; by default the clock setting’s time.'),
  all: z
    .enum(['true', 'false'])
    .default('true')
    .describe('With small cold objects, as `akosha tiers run` writes them; the schedule lets these wait.'),
});

const ForecastReply = z.object({
  as_of: z.string(),
  rows: z.object({ to_warm: Count, to_cold: Count }),
  objects: Count.describe('Cold objects that would be written.'),
  expiring: z
    .object({ cutoff: z.string(), memories: Count })
    .nullable()
    .describe('Memories of that time or before, which would be gone; null where they are kept for ever.'),
  parts: z.array(z.object({ step: Step, system_id: z.string(), month: Month, rows: Count, objects: Count })),
  parts_left_out: Count,
});

const MAX_REPORTS = 100;

const ReportsQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(MAX_REPORTS).default(1),
});

const ReportReply = z.object({
  id: z.string().describe('Of its workflow; of one that the server did by itself a name of its own.'),
  as_of: z.string(),
  begun_at: z.string(),
  ended_at: z.string().nullable(),
  state: z.enum(['under way', 'done', 'paused']).describe('One whose workflow failed stays under way.'),
  seconds: z.number().nullable(),
  rows: z.object({ to_warm: Count, to_cold: Count, compacted: Count, expired: Count, held: Count }),
  objects: Count,
  bytes: Count,
  swept: z.object({ rows: Count, tables: Count, objects: Count }),
  parts: z.array(
    z.object({
      step: Step,
      system_id: z.string(),
      month: Month,
      rows: Count,
      held: Count.describe('Rows that could not be moved; they are tried again in a day.'),
      objects: Count,
      bytes: Count,
    }),
  ),
  parts_left_out: Count,
});

/** What each tier holds, what moves, and the brake. */
export function tierRoutes(app: App, services: ApiServices): void {
  app.get(
    '/api/v1/tiers',
    { schema: { summary: 'What each tier holds', response: { 200: TiersReply, ...FAILURES } } },
    async () => {
      const [tiers, pause] = await Promise.all([services.tiers(), services.tierPause()]);
      return { tiers: toTiers(tiers), paused: pause === undefined ? null : toPause(pause) };
    },
  );
  app.get(
    '/api/v1/tiers/plan',
    {
      schema: {
        summary: 'What a transition would move and write; nothing is changed',
        querystring: ForecastQuery,
        response: { 200: ForecastReply, ...FAILURES },
      },
    },
    async ({ query: { as_of: asOf, all } }) =>
      toForecast(await services.forecastTransition({ asOf, all: all === 'true' })),
  );
  app.get(
    '/api/v1/tiers/transitions',
    {
      schema: {
        summary: 'What the last transitions did, the newest first',
        querystring: ReportsQuery,
        response: { 200: z.object({ transitions: z.array(ReportReply) }), ...FAILURES },
      },
    },
    async ({ query: { limit } }) => ({
      transitions: (await services.transitionReports(limit)).map(toReport),
    }),
  );
  brakeRoutes(app, services);
}

function brakeRoutes(app: App, services: ApiServices): void {
  app.post(
    '/api/v1/tiers/pause',
    {
      schema: {
        summary: 'Move nothing between tiers, nor sweep, until resumed; a batch under way is finished',
        body: PauseBody,
        response: { 200: PauseReply, ...FAILURES },
      },
    },
    async ({ body: { reason } }) => toPause(await services.pauseTiers(reason)),
  );
  app.post(
    '/api/v1/tiers/resume',
    { schema: { summary: 'Move memories again', response: { 200: ResumeReply, ...FAILURES } } },
    async () => ({ resumed: await services.resumeTiers() }),
  );
}

function toTiers(tiers: Record<Tier, TierCounts>): z.input<typeof TiersReply>['tiers'] {
  return { hot: toTier(tiers.hot), warm: toTier(tiers.warm), cold: toTier(tiers.cold) };
}

function toTier({ rows, bytes, usedBytes, kinds }: TierCounts): z.input<typeof TierReply> {
  const each = rows === 0 ? null : Math.round(usedBytes / rows);
  return { rows, bytes, used_bytes: usedBytes, bytes_per_memory: each, kinds };
}

function toPause({ since, reason }: TierPause): z.input<typeof PauseReply> {
  return { since: time(since), reason };
}

function toForecast(forecast: Forecast): z.input<typeof ForecastReply> {
  const { asOf, rows, objects, expiring, parts, partsLeftOut } = forecast;
  return {
    as_of: time(asOf),
    rows: { to_warm: rows.toWarm, to_cold: rows.toCold },
    objects,
    expiring: expiring === null ? null : { ...expiring, cutoff: time(expiring.cutoff) },
    parts: parts.map(({ systemId, ...part }) => ({ system_id: systemId, ...part })),
    parts_left_out: partsLeftOut,
  };
}

function toReport(report: TransitionReport): z.input<typeof ReportReply> {
  const { transitionId, asOf, begunAt, endedAt, outcome, swept, totals, parts, partsLeftOut } = report;
  const { toWarm, toCold, compacted, expired, held, objects, bytes } = totals;
  return {
    id: transitionId,
    as_of: time(asOf),
    begun_at: time(begunAt),
    ended_at: endedAt === null ? null : time(endedAt),
    state: outcome ?? 'under way',
    seconds: endedAt === null ? null : (endedAt - begunAt) / 1000,
    rows: { to_warm: toWarm, to_cold: toCold, compacted, expired, held },
    objects,
    bytes,
    swept,
    parts: parts.map(({ systemId, ...part }) => ({ system_id: systemId, ...part })),
    parts_left_out: partsLeftOut,
  };
}

function time(ms: number): string {
  return new Date(ms).toISOString();
}

import { z } from 'zod';
import { isoTime, KINDS, SCHEDULE_IDS, TIERS, UPLOAD_STATES, WORKFLOW_IDS } from '../contract/index.js';
import type { UploadExplanation } from '../ingest/index.js';
import type { MemoryExplanation } from '../store/index.js';
import type { App } from './app.js';
import { Kind, MemoryId } from './memory-key.js';
import { PinReply, toPinReply } from './pins.js';
import { FAILURES, SystemId } from './schemas.js';
import type { ApiServices } from './services.js';
import { toReply, UploadId, UploadReply } from './uploads.js';

const Time = z.iso.datetime();

/** In the query string, because an id may hold any character and be longer than a part of a path. */
const OneMemory = z.strictObject({ kind: Kind, memory_id: MemoryId });

const Named = z.object({ name: z.string(), kind: z.enum(['journal', 'cold']), bytes: z.int() });

const MemoryExplanationReply = z.object({
  system_id: z.string(),
  kind: z.enum(KINDS),
  memory_id: z.string(),
  tier: z.enum(TIERS),
  own_time: Time,
  project: z.string().nullable(),
  version: z
    .object({
      row_id: z.int(),
      hash: z.string(),
      order: z.int(),
      upload_id: z.string(),
      upload_state: z.enum(UPLOAD_STATES),
      ingested_at: Time.nullable(),
      deleted: z.boolean().describe('It says that the memory is deleted.'),
    })
    .describe('The version that counts.'),
  history: z
    .array(z.object({ at: Time, what: z.enum(['placed', 'moved', 'removed']), row_id: z.int() }))
    .describe('What became of its rows in the last seven days.'),
  object: Named.nullable().describe('The cold object that its row is read from; null in the other tiers.'),
  table: z.string().nullable().describe('The table that its row is read from; null in cold.'),
  keeper: Named.describe('The object that keeps the row, whatever becomes of the store’s disk.'),
  pins: z.array(PinReply),
  last_error: z
    .object({ reason: z.string().nullable(), retried_at: Time })
    .nullable()
    .describe('Why it was not moved when it was to be.'),
  moving: z
    .object({ operation: z.int(), lease_until: Time })
    .nullable()
    .describe('The operation that moves it now.'),
  why: z.string(),
  next: z
    .object({
      to: z.enum(TIERS),
      due_at: Time,
      waits_for: z.array(
        z.object({
          what: z.enum(['age', 'pin', 'fault', 'receipt', 'company', 'batch']),
          until: Time.nullable(),
          detail: z.string(),
        }),
      ),
    })
    .nullable()
    .describe('Its next move to a colder tier; null where there is none.'),
  workflows: z.object({ ingest: z.string(), transition: z.string().describe('The id of a schedule.') }),
});

const UploadExplanationReply = z.object({
  upload: UploadReply,
  happened: z.array(z.object({ at: Time, what: z.string(), detail: z.string().nullable() })),
  ahead: z
    .int()
    .nullable()
    .describe('Uploads of its system that come before it; null where it does not wait.'),
  next: z.string(),
  workflows: z.object({ ingest: z.string() }),
});

/** Why things are as they are. */
export function explainRoutes(app: App, services: ApiServices): void {
  app.get(
    '/api/v1/systems/:system_id/memories/explain',
    {
      schema: {
        summary: 'Where a memory is, why, and what becomes of it next',
        params: z.object({ system_id: SystemId }),
        querystring: OneMemory,
        response: { 200: MemoryExplanationReply, ...FAILURES },
      },
    },
    async ({ params, query }) =>
      toMemoryReply(
        await services.explainMemory({
          systemId: params.system_id,
          kind: query.kind,
          memoryId: query.memory_id,
        }),
      ),
  );
  app.get(
    '/api/v1/systems/:system_id/uploads/:upload_id/explain',
    {
      schema: {
        summary: 'What became of an upload, and what happens to it next',
        params: z.object({ system_id: SystemId, upload_id: UploadId }),
        response: { 200: UploadExplanationReply, ...FAILURES },
      },
    },
    async ({ params }) =>
      toUploadReply(await services.explainUpload({ systemId: params.system_id, uploadId: params.upload_id })),
  );
}

function toMemoryReply(memory: MemoryExplanation): z.input<typeof MemoryExplanationReply> {
  const { systemId, kind, memoryId, version, lastError, moving, next } = memory;
  const { tier, project, object, table, keeper, why } = memory;
  return {
    system_id: systemId,
    kind,
    memory_id: memoryId,
    tier,
    own_time: isoTime(memory.ownTime),
    project,
    version: {
      row_id: version.rowId,
      hash: version.hash,
      order: version.order,
      upload_id: version.uploadId,
      upload_state: version.uploadState,
      ingested_at: version.ingestedAt === null ? null : isoTime(version.ingestedAt),
      deleted: version.deleted,
    },
    history: memory.history.map(({ at, what, rowId }) => ({ at: isoTime(at), what, row_id: rowId })),
    object,
    table,
    keeper,
    pins: memory.pins.map(toPinReply),
    last_error: lastError && { reason: lastError.reason, retried_at: isoTime(lastError.retriedAt) },
    moving: moving && { operation: moving.opId, lease_until: isoTime(moving.leaseUntil) },
    why,
    next: next && {
      to: next.to,
      due_at: isoTime(next.due),
      waits_for: next.waitsFor.map(({ what, until, detail }) => ({
        what,
        until: until === null ? null : isoTime(until),
        detail,
      })),
    },
    workflows: { ingest: WORKFLOW_IDS.ingestSystem(systemId), transition: SCHEDULE_IDS.tierTransition },
  };
}

function toUploadReply({ upload, happened, ahead, next }: UploadExplanation) {
  return {
    upload: toReply(upload),
    happened: happened.map(({ at, what, detail }) => ({ at: isoTime(at), what, detail })),
    ahead,
    next,
    workflows: { ingest: WORKFLOW_IDS.ingestSystem(upload.systemId) },
  };
}

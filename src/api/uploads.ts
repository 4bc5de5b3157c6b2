import { z } from 'zod';
import { isoTime, KINDS, UPLOAD_STATES, type UploadState } from '../contract/index.js';
import { sumExcluded } from '../ingest/index.js';
import type { IngestedAgain, UploadPageStart, UploadRecord } from '../store/index.js';
import type { App } from './app.js';
import { FAILURES, SystemId } from './schemas.js';
import type { ApiServices } from './services.js';

/** A row is some hundred bytes: a page of this many stays below a megabyte. */
const MAX_PAGE = 500;
const PAGE = 50;

const UPLOAD_RULE = 'must be 1 to 200 letters, digits, ".", "-" and "_"';
export const UploadId = z.string().regex(/^[A-Za-z0-9_.-]{1,200}$/, UPLOAD_RULE);

const AFTER_RULE =
  'must be the next of another page: a time in milliseconds, then ":", a system\'s id, "/" and an upload\'s id';

/** As text, so that a person can see where a page begins. */
const After = z.string().transform((text, context): UploadPageStart => {
  const [, at, systemId, uploadId] = /^(\d{1,15}):([A-Za-z0-9_-]+)\/([A-Za-z0-9_.-]+)$/.exec(text) ?? [];
  if (at !== undefined && systemId !== undefined && uploadId !== undefined)
    return { registeredAt: Number(at), systemId, uploadId };
  context.addIssue({ code: 'custom', message: AFTER_RULE });
  return z.NEVER;
});

const LIMIT_RULE = `must be a whole number from 1 to ${MAX_PAGE}`;
export const UploadsPage = z.strictObject({
  after: After.optional(),
  state: z.enum(UPLOAD_STATES, { error: `must be one of ${UPLOAD_STATES.join(', ')}` }).optional(),
  limit: z.coerce
    .number({ error: LIMIT_RULE })
    .int(LIMIT_RULE)
    .min(1, LIMIT_RULE)
    .max(MAX_PAGE, LIMIT_RULE)
    .default(PAGE),
});

const AllUploadsPage = UploadsPage.extend({ upload_id: UploadId.optional() });

const Count = z.int().nonnegative();
const RowsByKind = z.partialRecord(z.enum(KINDS), Count);

const Rows = z.object({
  new: Count,
  changed: Count,
  unchanged: Count,
  refused: Count.describe(
    'Kept out, because they were forgotten, or lack an id or a text within the bounds.',
  ),
  superseded: Count.describe('Older than what the store had.'),
  expired: Count.exactOptional().describe(
    'Not in the store, and older than memories are kept; absent where there are none.',
  ),
  absent: Count.describe('Of its system in the store, not in the upload, and kept.'),
  deleted: Count.describe('The same, and deleted: where the system is mirrored.'),
});

const UploadSummary = z.object({
  system_id: z.string(),
  upload_id: z.string(),
  state: z.enum(UPLOAD_STATES),
  order: z.int().describe('Its place among the uploads of its system: a greater one is newer.'),
  rows: Rows.nullable().describe('What became of its rows; null where none were placed.'),
  reason: z.string().nullable().describe('Why it is, or was, in quarantine.'),
  attempts: Count.describe(
    'Times in a row that a reader had its files and did not come back with their rows.',
  ),
  created_at: z.iso
    .datetime()
    .nullable()
    .describe('By the host’s clock; null where its manifest cannot be read.'),
  queued_at: z.iso.datetime(),
  ingested_at: z.iso.datetime().nullable(),
  quarantined_at: z.iso.datetime().nullable(),
  forgotten_at: z.iso
    .datetime()
    .nullable()
    .describe('When its files were deleted because of something forgotten; null where they were not.'),
  again: z
    .object({
      requested_at: z.iso
        .datetime()
        .nullable()
        .describe('Since when it waits for that; null where it does not.'),
      times: Count.describe('How often it was.'),
      first: z
        .object({ ingested_at: z.iso.datetime(), rows: Rows })
        .nullable()
        .describe('What its first ingest did; `rows` and `ingested_at` above are those of the last.'),
      failure: z.string().nullable().describe('Why the last request came to nothing, where it did.'),
    })
    .nullable()
    .describe('Ingests after the first, that somebody asked for; null where nobody did.'),
  dropped: z
    .object({ by: z.string(), reason: z.string(), at: z.iso.datetime() })
    .nullable()
    .describe('Who gave it up in quarantine, and why.'),
});

export const UploadReply = UploadSummary.extend({
  reader: z.string().nullable().describe('What read it, with its version.'),
  files: z.array(
    z.object({
      name: z.string(),
      checksum: z.string().describe('SHA-256 of the file as it was stored.'),
      raw_checksum: z.string().describe('SHA-256 of the file decompressed.'),
      reader: z.string().optional(),
      flags: z.array(z.string()).optional(),
      excluded: RowsByKind.optional(),
      refused: z
        .record(z.string(), z.number().int().positive())
        .optional()
        .describe('Why rows of it were refused, and how many.'),
      reason: z.string().optional().describe('Why it was not read, where others were.'),
    }),
  ),
  mirrors: z.array(z.enum(KINDS)).describe('The kinds of which what it lacks is deleted.'),
  excluded: RowsByKind.describe('Rows that the host’s settings kept back.'),
});

export const UploadsReply = z.object({
  uploads: z.array(UploadSummary),
  next: z.string().nullable().describe('`after` of the next page; null behind the last.'),
});

/** What became of uploads: the ledger, and what waits in the queue. */
export function uploadRoutes(app: App, services: ApiServices): void {
  app.get(
    '/api/v1/systems/:system_id/uploads/:upload_id',
    {
      schema: {
        summary: 'What became of an upload: its state, and its receipt once there is one',
        params: z.object({ system_id: SystemId, upload_id: UploadId }),
        response: { 200: UploadReply, ...FAILURES },
      },
    },
    async ({ params }) =>
      toReply(await services.getUpload({ systemId: params.system_id, uploadId: params.upload_id })),
  );
  app.post(
    '/api/v1/systems/:system_id/uploads/:upload_id/again',
    {
      schema: {
        summary: 'Ingest an upload again, on purpose: for a new reader, or a new model',
        params: z.object({ system_id: SystemId, upload_id: UploadId }),
        response: { 202: UploadReply, ...FAILURES },
      },
    },
    async ({ params: { system_id: systemId, upload_id: uploadId } }, reply) =>
      reply.code(202).send(toReply(await services.ingestAgain({ systemId, uploadId }))),
  );
  app.get(
    '/api/v1/systems/:system_id/uploads',
    {
      schema: {
        summary: 'A page of the uploads of a system, newest first',
        params: z.object({ system_id: SystemId }),
        querystring: UploadsPage,
        response: { 200: UploadsReply, ...FAILURES },
      },
    },
    async ({ params, query }) => toPage(await services.listUploads({ systemId: params.system_id, ...query })),
  );
  app.get(
    '/api/v1/uploads',
    {
      schema: {
        summary: 'A page of the uploads of all systems, newest first',
        querystring: AllUploadsPage,
        response: { 200: UploadsReply, ...FAILURES },
      },
    },
    async ({ query: { upload_id, ...page } }) =>
      toPage(await services.listUploads({ uploadId: upload_id, ...page })),
  );
}

export function toPage({ uploads, next }: { uploads: UploadRecord[]; next: UploadPageStart | null }) {
  return {
    uploads: uploads.map(toSummary),
    next: next === null ? null : `${next.registeredAt}:${next.systemId}/${next.uploadId}`,
  };
}

/** Of the rows of these the ledger knows. */
const COUNTED: readonly UploadState[] = ['committed', 'receipted', 'done', 'raw_gone'];

function toSummary(record: UploadRecord) {
  return {
    system_id: record.systemId,
    upload_id: record.uploadId,
    state: record.state,
    order: record.order,
    rows: COUNTED.includes(record.state) && record.committedAt !== null ? record.rows : null,
    reason: record.reason,
    attempts: record.attempts,
    created_at: record.createdAt === 0 ? null : isoTime(record.createdAt),
    queued_at: isoTime(record.registeredAt),
    ingested_at: record.committedAt === null ? null : isoTime(record.committedAt),
    quarantined_at: record.quarantinedAt === null ? null : isoTime(record.quarantinedAt),
    forgotten_at: record.forgottenAt === null ? null : isoTime(record.forgottenAt),
    again: record.again && againReply(record.again),
    dropped: record.dropped && { ...record.dropped, at: isoTime(record.dropped.at) },
  };
}

function againReply({ requestedAt, times, first, failure }: IngestedAgain) {
  return {
    requested_at: requestedAt === null ? null : isoTime(requestedAt),
    times,
    first: first && { ingested_at: isoTime(first.committedAt), rows: first.rows },
    failure,
  };
}

export function toReply(record: UploadRecord) {
  const { reader, files, mirrors } = record;
  return { ...toSummary(record), reader, files, mirrors, excluded: sumExcluded(files) };
}

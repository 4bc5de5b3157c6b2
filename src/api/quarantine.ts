import { z } from 'zod';
import type { App } from './app.js';
import { FAILURES, SystemId } from './schemas.js';
import type { ApiServices } from './services.js';
import { toPage, toReply, UploadId, UploadReply, UploadsPage, UploadsReply } from './uploads.js';

/** Long enough for a sentence; it stands in the receipt. */
const Words = z.string({ error: 'must be a text' }).trim().min(1, 'must not be blank').max(500);

const DropBody = z.strictObject({
  reason: Words.describe('Why its memories are given up. Stands in the receipt.'),
  by: Words.default('api').describe('Who decided it. Stands in the receipt.'),
});

const UploadPath = z.object({ system_id: SystemId, upload_id: UploadId });

/** Uploads that could not be read and wait for a person, and what the person decides. */
export function quarantineRoutes(app: App, services: ApiServices): void {
  app.get(
    '/api/v1/quarantine',
    {
      schema: {
        summary: 'A page of the uploads in quarantine, those last queued first',
        querystring: UploadsPage.omit({ state: true }),
        response: { 200: UploadsReply, ...FAILURES },
      },
    },
    async ({ query }) => toPage(await services.listUploads({ ...query, state: 'quarantined' })),
  );
  app.post(
    '/api/v1/quarantine/:system_id/:upload_id/retry',
    {
      schema: {
        summary: 'Put an upload in quarantine back in the queue, to be read as if for the first time',
        params: UploadPath,
        response: { 202: UploadReply, ...FAILURES },
      },
    },
    async ({ params: { system_id: systemId, upload_id: uploadId } }, reply) =>
      reply.code(202).send(toReply(await services.retryUpload({ systemId, uploadId }))),
  );
  app.post(
    '/api/v1/quarantine/:system_id/:upload_id/drop',
    {
      schema: {
        summary:
          'Give up an upload in quarantine; its files stay in object storage as those of any ingested upload do',
        params: UploadPath,
        body: DropBody,
        response: { 200: UploadReply, ...FAILURES },
      },
    },
    async ({ params: { system_id: systemId, upload_id: uploadId }, body }) =>
      toReply(await services.dropUpload({ systemId, uploadId }, body)),
  );
}

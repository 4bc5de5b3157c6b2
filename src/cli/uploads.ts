import { z } from 'zod';
import { AkoshaError, UPLOAD_STATES, type UploadRef } from '../contract/index.js';
import { escapeSystemId } from '../memory/index.js';
import type { ApiClient } from './api-client.js';
import { describeFields, table } from './output.js';

const Rows = z.record(z.string(), z.number());

export const Upload = z.looseObject({
  system_id: z.string(),
  upload_id: z.string(),
  state: z.enum(UPLOAD_STATES),
  rows: Rows.nullable(),
  reason: z.string().nullable(),
  queued_at: z.string(),
  ingested_at: z.string().nullable(),
  quarantined_at: z.string().nullable(),
  again: z
    .object({ requested_at: z.string().nullable(), times: z.number(), failure: z.string().nullable() })
    .nullable(),
  dropped: z.object({ by: z.string(), reason: z.string(), at: z.string() }).nullable(),
});
export type Upload = z.infer<typeof Upload>;

export const UploadPage = z.object({ uploads: z.array(Upload), next: z.string().nullable() });

/** A system as its id or as the name that it calls itself. */
export function systemIdOf(name: string): string {
  return /^[A-Za-z0-9_-]{1,100}$/.test(name) ? name : escapeSystemId(name);
}

export function uploadPath({ systemId, uploadId }: UploadRef): string {
  return `/api/v1/systems/${encodeURIComponent(systemId)}/uploads/${encodeURIComponent(uploadId)}`;
}

/** As many systems as an error can name. */
const NAMED = 10;

/** What was typed is wrong; the cause says that it is no more than that nobody knows it. */
function unknownUpload(uploadId: string): AkoshaError {
  const message = `upload ${uploadId} is not known: \`akosha receipts\` lists what is`;
  return new AkoshaError('BadRequest', message, { cause: new AkoshaError('UploadUnknown', message) });
}

/** The upload that a person means. Raises `BadRequest` where there is none, or several systems have used its id. */
export async function findUpload(api: ApiClient, uploadId: string, system?: string): Promise<UploadRef> {
  if (system !== undefined) return { systemId: systemIdOf(system), uploadId };
  const query = new URLSearchParams({ upload_id: uploadId, limit: String(NAMED) });
  const { uploads } = await api.get(`/api/v1/uploads?${query.toString()}`, UploadPage);
  const [found, ...others] = uploads;
  if (found === undefined) throw unknownUpload(uploadId);
  if (others.length > 0) {
    const systems = uploads.map(({ system_id }) => system_id).join(', ');
    throw new AkoshaError(
      'BadRequest',
      `several systems have an upload ${uploadId}: add --system, one of ${systems}`,
    );
  }
  return { systemId: found.system_id, uploadId };
}

export function describeUpload(upload: Upload): string {
  return table(describeFields(upload));
}

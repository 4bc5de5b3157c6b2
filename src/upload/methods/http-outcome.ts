import { z } from 'zod';
import {
  addRows,
  AkoshaError,
  NO_ROWS,
  UPLOAD_STATES,
  isAkoshaError,
  type RowCounts,
  type UploadState,
} from '../../contract/index.js';
import { RowCountsSchema } from '../../memory/index.js';
import { CALL_MS, type CircuitBreaker } from '../../runtime/index.js';
import { rowsIn } from '../contents.js';
import type { Host } from '../host.js';
import { throwIfCancelled } from '../options.js';
import type { ServerUpload } from '../outbox/server-upload-rows.js';
import { readText, reasonOf } from './http-answer.js';
import type { HttpSettings } from './method-settings.js';
import type { ServerAnswer } from './method.js';

/** What `GET /api/v1/systems/{id}/uploads/{upload_id}` says, as far as a host needs it. */
const Upload = z.object({
  state: z.enum(UPLOAD_STATES),
  rows: RowCountsSchema.nullable(),
  reason: z.string().nullable(),
  // Not told by servers of earlier versions.
  forgotten_at: z.string().nullable().default(null),
});
type Upload = z.output<typeof Upload>;

const ErrorBody = z.object({ error: z.object({ code: z.string() }) });

/** The server and its API's address, which is that of its MCP without the path. */
export interface AskedServer {
  base: string;
  /** As the outbox names it. */
  url: string;
  http: HttpSettings;
  breaker: CircuitBreaker;
}

type Look = Upload | 'pending' | 'unknown' | { untold: string };

/**
 * Asks the server what became of one of the host's uploads: of each upload that it made of it, once for good where that has ended. It
 * ingests a system's uploads one after the other, so a look ends with the first that waits.
 *
 * A look raises `ServerUnavailable` where the server does not answer, and `Cancelled`.
 */
export function askAfter(
  server: AskedServer,
  host: Pick<Host, 'systemId' | 'outbox'>,
  uploadId: string,
): (signal?: AbortSignal) => Promise<ServerAnswer> {
  const parts = host.outbox.serverUploads.of({ uploadId, url: server.url });
  const contents = host.outbox.rows.upload(uploadId)?.contents ?? { databases: [] };
  const databases = contents.databases.filter((database) => database.uploadId === uploadId);
  const memories = Object.values(rowsIn({ databases })).reduce((sum, rows) => sum + rows, 0);
  const ended: Upload[] = [];
  return async (signal) => {
    if (parts.length === 0) {
      return { status: 'unknown', reason: `${server.base} names no upload to ask after; its receipts tell` };
    }
    for (const part of parts.slice(ended.length)) {
      const look = await lookAt(server, { systemId: host.systemId, uploadId: part.uploadId }, signal);
      // Stored, and not yet in its queue: the poll of the inbox finds it at the latest.
      if (look === 'pending' || look === 'unknown') return { status: 'pending' };
      if ('untold' in look) return { status: 'unknown', reason: look.untold };
      ended.push(look);
    }
    return summed(parts, ended, memories);
  };
}

/**
 * Whether the server says that every memory of one of the host's uploads was ingested, as it is: of each upload that holds some of them.
 * Raises `ServerUnavailable` and `Cancelled`.
 */
export async function hasIngested(
  server: AskedServer,
  { systemId, outbox }: Pick<Host, 'systemId' | 'outbox'>,
  uploadId: string,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const parts = outbox.serverUploads.of({ uploadId, url: server.url });
  for (const part of parts) {
    if (!isWhole(await lookAt(server, { systemId, uploadId: part.uploadId }, signal))) return false;
  }
  return parts.length > 0;
}

/** A row that was refused, found older than what the store has, or forgotten since, may have to be brought again. */
export function isWhole(look: Look): boolean {
  if (typeof look === 'string' || 'untold' in look || GIVEN_UP.includes(look.state)) return false;
  if (look.forgotten_at !== null) return false;
  return look.rows !== null && look.rows.refused === 0 && look.rows.superseded === 0;
}

const GIVEN_UP: readonly UploadState[] = ['quarantined', 'dropped'];

function summed(
  parts: readonly ServerUpload[],
  ended: readonly Upload[],
  memories: number,
): Exclude<ServerAnswer, { status: 'pending' | 'unknown' }> {
  const own = ended.filter((_, index) => parts[index]?.inherited === false);
  const sum = own.reduce<RowCounts>((rows, one) => addRows(rows, one.rows ?? NO_ROWS), NO_ROWS);
  // A batch is no whole state of a host: what is not in it is not absent.
  const rows = { ...sum, absent: 0 };
  const failed = ended.filter(({ state }) => GIVEN_UP.includes(state));
  if (failed.length > 0) {
    const reason = `${failed.length} of ${ended.length} batches: ${failed[0]?.reason ?? 'no reason is given'}`;
    return { status: 'quarantined', rows, reason };
  }
  // What the server had as it is was not sent to it.
  const told = rows.new + rows.changed + rows.unchanged + rows.refused + rows.superseded;
  const unchanged = rows.unchanged + Math.max(0, memories - told);
  return { status: 'ingested', rows: { ...rows, unchanged }, reason: null };
}

export async function lookAt(
  server: AskedServer,
  ref: { systemId: string; uploadId: string },
  signal: AbortSignal | undefined,
): Promise<Look> {
  const call = server.breaker.begin();
  try {
    const path = `/api/v1/systems/${encodeURIComponent(ref.systemId)}/uploads/${encodeURIComponent(ref.uploadId)}`;
    const look = await get(server, path, signal);
    call.succeeded();
    return look;
  } catch (error) {
    if (isAkoshaError(error, 'Cancelled')) call.dropped();
    else call.failed(reasonOf(error));
    throw error;
  }
}

/** The token goes to the address of the settings and to no other, so no redirect is followed. */
async function get(
  { base, http: { token, timeoutMs } }: AskedServer,
  path: string,
  signal: AbortSignal | undefined,
): Promise<Look> {
  const deadline = AbortSignal.timeout(Math.min(timeoutMs, CALL_MS));
  try {
    const response = await fetch(base + path, {
      headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
      redirect: 'manual',
      signal: signal === undefined ? deadline : AbortSignal.any([signal, deadline]),
    });
    return lookIn(base, response.status, await readText(response));
  } catch (error) {
    throwIfCancelled(signal, `asking ${base} after an upload`);
    if (error instanceof AkoshaError) throw error;
    throw new AkoshaError('ServerUnavailable', `${base}: ${reasonOf(error)}`, { cause: error });
  }
}

function lookIn(base: string, status: number, text: string): Look {
  if (status >= 500 || status === 408 || status === 429) {
    throw new AkoshaError('ServerUnavailable', `${base} answered ${status}`);
  }
  const body = jsonIn(text);
  const upload = Upload.safeParse(body);
  if (status === 200 && upload.success) return upload.data.state === 'pending' ? 'pending' : upload.data;
  const fault = ErrorBody.safeParse(body);
  if (status === 404 && fault.success && fault.data.error.code === 'UploadUnknown') return 'unknown';
  const hint = status === 401 || status === 403 ? ': set server_token (AKOSHA_SERVER_TOKEN)' : '';
  return { untold: `${base} does not tell what became of its uploads (${status})${hint}` };
}

function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

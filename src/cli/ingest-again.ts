import { setTimeout as sleep } from 'node:timers/promises';
import { AkoshaError, type UploadRef, type UploadState } from '../contract/index.js';
import { ApiClient } from './api-client.js';
import { print } from './output.js';
import { settingsOf, type SettingOptions } from './settings.js';
import { findUpload, Upload, uploadPath } from './uploads.js';

export interface AgainOptions extends SettingOptions {
  upload: string;
  system?: string;
  wait?: boolean;
  json?: boolean;
}

/** A look costs a row of the catalog; an ingest takes a tenth of a second and more. */
const LOOK_MS = 250;

/** Has the server ingest an upload again that is ingested already; `wait` waits for the end of it. */
export async function ingestAgain({ upload, system, wait, json, ...options }: AgainOptions): Promise<void> {
  const api = await ApiClient.open(settingsOf(options));
  const ref = await findUpload(api, upload, system);
  const requested = await api.post(`${uploadPath(ref)}/again`, {}, Upload);
  const answer = wait === true ? await untilDone(api, ref, requested) : requested;
  print(answer, json, describe);
}

async function untilDone(api: ApiClient, ref: UploadRef, requested: Upload): Promise<Upload> {
  let upload = requested;
  while (!isDone(upload)) {
    await sleep(LOOK_MS);
    upload = await api.get(uploadPath(ref), Upload);
  }
  const failure = failureOf(upload);
  if (failure === null) return upload;
  throw new AkoshaError(
    'UploadUnreadable',
    `${ref.uploadId} was not ingested again: ${failure}; what it brought before stays`,
  );
}

/** The states that go on by themselves. In any other nothing will come but by a person, and waiting for it would never end. */
const UNDER_WAY: readonly UploadState[] = ['pending', 'committed', 'receipted'];

/** Whether nothing is under way, nor asked for. */
export function isDone({ state, again }: Pick<Upload, 'state' | 'again'>): boolean {
  return !UNDER_WAY.includes(state) && (again === null || again.requested_at === null);
}

/** Why the upload was not ingested again; null where it was. */
export function failureOf({
  state,
  again,
  reason,
}: Pick<Upload, 'state' | 'again' | 'reason'>): string | null {
  if (again?.failure !== undefined && again.failure !== null) return again.failure;
  return state === 'done' || state === 'raw_gone' ? null : (reason ?? `its state is ${state}`);
}

function describe({ upload_id, again, rows }: Upload): string {
  if (again === null || again.requested_at !== null) return `${upload_id} is in the queue again`;
  const counts = Object.entries(rows ?? {}).filter(([, count]) => count > 0);
  return `ingested ${upload_id} again: ${counts.map(([name, count]) => `${name} ${count}`).join(', ') || 'no rows'}`;
}

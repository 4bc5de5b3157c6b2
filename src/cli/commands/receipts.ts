import { Option, type Command } from 'commander';
import { UPLOAD_STATES } from '../../contract/index.js';
import { ApiClient } from '../api-client.js';
import { positiveNumber, print, table, withJson } from '../output.js';
import { settingsOf, withSettings, type SettingOptions } from '../settings.js';
import { describeUpload, findUpload, systemIdOf, Upload, UploadPage, uploadPath } from '../uploads.js';

interface Options extends SettingOptions {
  json?: boolean;
  system?: string;
  upload?: string;
  state?: string;
  limit: number;
  after?: string;
}

export function define(command: Command): void {
  withJson(withSettings(command))
    .option('--system <id>', 'only uploads of this system')
    .option('--upload <id>', 'all that is known of one upload')
    .addOption(new Option('--state <state>', 'only uploads in this state').choices(UPLOAD_STATES))
    .option('-n, --limit <n>', 'most uploads, 500 at once', positiveNumber, 20)
    .option('--after <next>', 'the page behind the one that ended with this')
    .addHelpText(
      'after',
      `
The newest first.

Examples:
  akosha receipts
  akosha receipts --system laptop-1 --state pending
  akosha receipts --upload 01KAP3Z8N4T9V6Q2B7C5D1E0F8 --json`,
    )
    .action(run);
}

async function run({ json, upload, ...options }: Options): Promise<void> {
  const api = await ApiClient.open(settingsOf(options));
  if (upload === undefined) return list(api, { ...options, ...(json === undefined ? {} : { json }) });
  const ref = await findUpload(api, upload, options.system);
  print(await api.get(uploadPath(ref), Upload), json, describeUpload);
}

async function list(api: ApiClient, { json, system, state, limit, after }: Options): Promise<void> {
  const query = new URLSearchParams({
    limit: String(limit),
    ...(state === undefined ? {} : { state }),
    ...(after === undefined ? {} : { after }),
  });
  const base = system === undefined ? '/api/v1' : `/api/v1/systems/${encodeURIComponent(systemIdOf(system))}`;
  const page = await api.get(`${base}/uploads?${query.toString()}`, UploadPage);
  print(page, json, ({ uploads, next }) => {
    if (uploads.length === 0) return 'no uploads';
    const lines = [
      ['system', 'upload', 'state', 'queued', 'new', 'changed', 'unchanged', 'refused'],
      ...uploads.map(({ system_id, upload_id, state: now, queued_at, rows }) => [
        system_id,
        upload_id,
        now,
        queued_at,
        ...['new', 'changed', 'unchanged', 'refused'].map((what) => String(rows?.[what] ?? '-')),
      ]),
    ];
    return next === null ? table(lines) : `${table(lines)}\nmore: --after ${next}`;
  });
}

import { hostname, userInfo } from 'node:os';
import type { Command } from 'commander';
import { AkoshaError, type UploadRef } from '../../contract/index.js';
import { ApiClient } from '../api-client.js';
import { positiveNumber, print, table, withJson } from '../output.js';
import { settingsOf, withSettings, type SettingOptions } from '../settings.js';
import { describeUpload, findUpload, Upload, UploadPage, uploadPath } from '../uploads.js';

interface Options extends SettingOptions {
  json?: boolean;
}

interface ListOptions extends Options {
  limit: number;
}

interface OneOptions extends Options {
  system?: string;
}

interface DropOptions extends OneOptions {
  reason?: string;
  yes?: boolean;
}

export function define(command: Command): void {
  command.addHelpText(
    'after',
    `
What could not be read waits here for a person, with its reason; its system's later uploads go on.

Examples:
  akosha quarantine list
  akosha quarantine show 20261122_100001_0a1b2c3d
  akosha quarantine retry 20261122_100001_0a1b2c3d        after an update that can read it
  akosha quarantine drop 20261122_100001_0a1b2c3d --reason "test data"`,
  );
  sub(command, 'list', 'the uploads in quarantine')
    .option('-n, --limit <n>', 'most uploads, 500 at once', positiveNumber, 100)
    .addHelpText('after', '\nExample:\n  akosha quarantine list --json')
    .action((options: ListOptions) => list(options));
  one(command, 'show', 'all that is known of one')
    .addHelpText('after', '\nExample:\n  akosha quarantine show 20261122_100001_0a1b2c3d --system laptop-1')
    .action((id: string, options: OneOptions) => show(id, options));
  one(command, 'retry', 'put one back in the queue, to be read as if for the first time')
    .addHelpText('after', '\nExample:\n  akosha quarantine retry 20261122_100001_0a1b2c3d')
    .action((id: string, options: OneOptions) => retry(id, options));
  one(command, 'drop', 'give one up')
    .option('--reason <text>', 'why; stands in its receipt')
    .option('--yes', 'without a reason')
    .addHelpText(
      'after',
      `
Its files are not deleted by this: they stay under systems/ in object storage as those of any ingested upload do.

Example:
  akosha quarantine drop 20261122_100001_0a1b2c3d --reason "test data"`,
    )
    .action((id: string, options: DropOptions) => drop(id, options));
}

function sub(command: Command, name: string, description: string): Command {
  return withJson(withSettings(command.command(name).description(description)));
}

function one(command: Command, name: string, description: string): Command {
  return sub(command, name, description)
    .argument('<upload>', 'its id')
    .option('--system <id>', 'whose it is, where several systems have used the id');
}

async function list({ limit, json, ...options }: ListOptions): Promise<void> {
  const api = await ApiClient.open(settingsOf(options));
  const page = await api.get(`/api/v1/quarantine?limit=${limit}`, UploadPage);
  print(page, json, ({ uploads, next }) => {
    if (uploads.length === 0) return 'nothing is in quarantine';
    const lines = table([
      ['system', 'upload', 'since', 'reason'],
      ...uploads.map(({ system_id, upload_id, quarantined_at, reason }) => [
        system_id,
        upload_id,
        quarantined_at ?? '-',
        reason ?? '-',
      ]),
    ]);
    return next === null
      ? lines
      : `${lines}\nand more: \`akosha receipts --state quarantined --after ${next}\` lists them`;
  });
}

async function show(id: string, { json, system, ...options }: OneOptions): Promise<void> {
  const api = await ApiClient.open(settingsOf(options));
  print(await api.get(uploadPath(await findUpload(api, id, system)), Upload), json, describeUpload);
}

async function retry(id: string, { json, system, ...options }: OneOptions): Promise<void> {
  const api = await ApiClient.open(settingsOf(options));
  const ref = await findUpload(api, id, system);
  print(
    await api.post(pathOf(ref, 'retry'), {}, Upload),
    json,
    () => `${ref.uploadId} is in the queue again`,
  );
}

async function drop(id: string, { json, system, reason, yes, ...options }: DropOptions): Promise<void> {
  if (reason === undefined && yes !== true)
    throw new AkoshaError(
      'BadRequest',
      'its memories will not be found: say --reason <text>, or --yes for none',
    );
  const api = await ApiClient.open(settingsOf(options));
  const ref = await findUpload(api, id, system);
  const body = { reason: reason ?? 'no reason given', by: `${userInfo().username}@${hostname()}` };
  print(await api.post(pathOf(ref, 'drop'), body, Upload), json, () => `dropped ${ref.uploadId}`);
}

function pathOf({ systemId, uploadId }: UploadRef, what: 'retry' | 'drop'): string {
  return `/api/v1/quarantine/${encodeURIComponent(systemId)}/${encodeURIComponent(uploadId)}/${what}`;
}

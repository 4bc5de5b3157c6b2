import type { Command } from 'commander';
import { z } from 'zod';
import type { Settings } from '../../config/index.js';
import { isAkoshaError } from '../../contract/index.js';
import { escapeSystemId, unescapeSystemId } from '../../memory/index.js';
import { findRunning } from '../../runtime/index.js';
import { hasOutbox, outboxStatus, type OutboxStatus } from '../../upload/index.js';
import { ApiClient, httpStatusOf } from '../api-client.js';
import { EXIT } from '../errors.js';
import { leftServers, leftServerText } from '../left-servers.js';
import { describeFields, print, table, withJson } from '../output.js';
import { settingsOf, withSettings, type SettingOptions } from '../settings.js';
import { systemIdOf } from '../uploads.js';

interface Options extends SettingOptions {
  json?: boolean;
  ready?: boolean;
  system?: string;
}

const Status = z.record(z.string(), z.unknown());
type Status = z.infer<typeof Status>;

export function define(command: Command): void {
  withJson(withSettings(command))
    .option('--system <id>', 'tell also how many uploads of this system wait, and how long')
    .option('--ready', 'fail (exit code 1) unless it is ready for work')
    .addHelpText(
      'after',
      `
Exit code 1 where nothing runs; then it tells which servers a killed run left behind.

Examples:
  akosha status
  akosha status --json --ready
  akosha status --system laptop-1`,
    )
    .action(run);
}

async function run(options: Options): Promise<void> {
  const settings = settingsOf(options);
  const status = await readStatus(settings, options.system);
  if (status === undefined) {
    process.exitCode = EXIT.failed;
    const servers = leftServers(settings.dataDir);
    const answer = { running: false, data_dir: settings.dataDir, servers, ...hostSide(settings, null) };
    print(answer, options.json, ({ outbox }) =>
      [
        `nothing runs on ${settings.dataDir}`,
        ...servers.map(leftServerText),
        ...(outbox === undefined ? [] : [table(describeFields({ ...outbox }))]),
      ].join('\n'),
    );
    return;
  }
  if (options.ready === true && !isReady(status)) process.exitCode = EXIT.failed;
  print(status, options.json, (answer) => table(describeFields(answer)));
}

/** Of the program on this data folder, else of the server at the address that the settings name; undefined where neither is. */
async function readStatus(settings: Settings, system: string | undefined): Promise<Status | undefined> {
  const running = await findRunning(settings.dataDir);
  const known = {
    ...(running === undefined ? {} : { temporal_ui_url: running.temporal_ui_url }),
    ...hostSide(settings, running?.system_id ?? null),
  };
  if (running?.roles.includes('server') === false) return { running: true, api_url: null, ...known };
  try {
    const api = await ApiClient.open(settings);
    const served = await api.get(`/api/v1/status${queryOf(system)}`, Status);
    return { running: true, api_url: api.url, ...known, ...served };
  } catch (error) {
    const silent = isAkoshaError(error, 'ServerUnavailable') && httpStatusOf(error) === undefined;
    if (running === undefined && silent) return undefined;
    throw error;
  }
}

function queryOf(system: string | undefined): string {
  return system === undefined ? '' : `?system_id=${encodeURIComponent(systemIdOf(system))}`;
}

/** Where this host's uploads stand, on a machine that is one, and its name where its id is made of it. */
function hostSide(
  settings: Settings,
  systemId: string | null,
): { system_id?: string; system_name?: string; outbox?: OutboxStatus } {
  const id = systemId ?? (settings.systemId === undefined ? null : escapeSystemId(settings.systemId));
  const name = id === null ? undefined : (unescapeSystemId(id) ?? settings.systemId);
  return {
    ...(id === null ? {} : { system_id: id }),
    ...(id === null || name === undefined || name === id ? {} : { system_name: name }),
    ...(hasOutbox(settings.dataDir) ? { outbox: outboxStatus(settings.dataDir) } : {}),
  };
}

/** A program that has an agent is ready when that takes work too; an agent alone tells nothing of itself. */
function isReady(status: Status): boolean {
  return status['api_url'] === null || (status['ready'] === true && status['agent_ready'] !== false);
}

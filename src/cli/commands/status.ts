import type { Command } from 'commander';
import { z } from 'zod';
import { findRunning } from '../../runtime/index.js';
import { ApiClient } from '../api-client.js';
import { EXIT } from '../errors.js';
import { print, table, withJson } from '../output.js';
import { settingsOf, withSettings, type SettingOptions } from '../settings.js';

interface Options extends SettingOptions {
  json?: boolean;
  ready?: boolean;
}

const Status = z.record(z.string(), z.unknown());

export function define(command: Command): void {
  withJson(withSettings(command))
    .option('--ready', 'fail (exit code 1) unless it is ready for work')
    .addHelpText(
      'after',
      `
Examples:
  akosha status
  akosha status --json --ready`,
    )
    .action(run);
}

async function run(options: Options): Promise<void> {
  const settings = settingsOf(options);
  const running = await findRunning(settings.dataDir);
  if (running === undefined && settings.port === 0) {
    process.exitCode = EXIT.failed;
    print(
      { running: false, data_dir: settings.dataDir },
      options.json,
      () => `nothing runs on ${settings.dataDir}`,
    );
    return;
  }
  const api = await ApiClient.open(settings);
  const served =
    running?.roles.includes('server') === false ? undefined : await api.get('/api/v1/status', Status);
  const answer = {
    running: true,
    api_url: served === undefined ? null : api.url,
    ...(running === undefined
      ? {}
      : { temporal_ui_url: running.temporal_ui_url, system_id: running.system_id }),
    ...served,
  };
  if (options.ready === true && served !== undefined && !isReady(served)) process.exitCode = EXIT.failed;
  print(answer, options.json, render);
}

/** A program that has an agent is ready when that takes work too. */
function isReady(status: Record<string, unknown>): boolean {
  return status['ready'] === true && status['agent_ready'] !== false;
}

function render(answer: Record<string, unknown>): string {
  return table(
    Object.entries(answer).map(([name, value]) => [
      name,
      typeof value === 'string' ? value : JSON.stringify(value),
    ]),
  );
}

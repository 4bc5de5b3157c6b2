import type { Command } from 'commander';
import { describeSettings, readSettings } from '../../config/index.js';
import { print, table, withJson } from '../output.js';
import { withSettings, type SettingOptions } from '../settings.js';

export function define(command: Command): void {
  withJson(withSettings(command))
    .addHelpText(
      'after',
      `
Examples:
  akosha config
  AKOSHA_PORT=9000 akosha config --json`,
    )
    .action((options: SettingOptions & { json?: boolean }) => {
      const loaded = readSettings({
        ...(options.config === undefined ? {} : { configPath: options.config }),
        ...(options.dataDir === undefined ? {} : { overrides: { dataDir: options.dataDir } }),
      });
      for (const warning of loaded.warnings) console.error(`akosha: ${warning}`);
      print({ settings: describeSettings(loaded), file: loaded.file ?? null }, options.json, ({ settings }) =>
        table(settings.map(({ name, value, source, env }) => [name, shown(value), source, env])),
      );
    });
}

function shown(value: unknown): string {
  if (value === undefined || value === null) return '-';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

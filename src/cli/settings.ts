import type { Command } from 'commander';
import { loadSettings, type Settings } from '../config/index.js';

export interface SettingOptions {
  config?: string;
  dataDir?: string;
}

/** The options by which every command finds its settings. */
export function withSettings(command: Command): Command {
  return command
    .option('--config <file>', 'settings file (AKOSHA_CONFIG)')
    .option('--data-dir <folder>', 'data folder (AKOSHA_DATA_DIR)');
}

export function settingsOf({ config, dataDir }: SettingOptions): Settings {
  return loadSettings({
    ...(config === undefined ? {} : { configPath: config }),
    ...(dataDir === undefined ? {} : { overrides: { dataDir } }),
  });
}

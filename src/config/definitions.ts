import { z } from 'zod';
import { SETTING_DETAILS, type SettingDetails } from './details.js';
import { OUTAGE_SETTINGS } from './outage-settings.js';
import { PROCESS_SETTINGS } from './process-settings.js';
import { SERVER_SETTINGS } from './server-settings.js';
import { SNAPSHOT_SETTINGS } from './snapshot-settings.js';
import { SYNC_SETTINGS } from './sync-settings.js';
import { TRACE_SETTINGS } from './trace-settings.js';
import { UPLOAD_SETTINGS } from './upload-settings.js';

/**
 * Every setting, in one table. A key gives the three names of its setting: `hotDays` is `hot_days` in the settings
 * file, `AKOSHA_HOT_DAYS` in the environment and `--hot-days` on a command line that takes it.
 */
export const SETTING_SHAPES = z.object({
  ...PROCESS_SETTINGS,
  ...UPLOAD_SETTINGS,
  ...SNAPSHOT_SETTINGS,
  ...SYNC_SETTINGS,
  ...SERVER_SETTINGS,
  ...OUTAGE_SETTINGS,
  ...TRACE_SETTINGS,
});

export type SettingKey = keyof typeof SETTING_SHAPES.shape;
export const SETTING_KEYS = SETTING_SHAPES.keyof().options;

export function detailsOf(key: SettingKey): SettingDetails {
  const details = SETTING_DETAILS.get(SETTING_SHAPES.shape[key]);
  if (details === undefined) throw new Error(`the setting ${key} has no details`);
  return details;
}

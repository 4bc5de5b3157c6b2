import { detailsOf, SETTING_KEYS } from './definitions.js';
import type { LoadedSettings, SettingSource } from './load.js';
import { environmentName, fileName } from './names.js';
import type { Settings } from './rules.js';

export interface SettingDescription {
  name: string;
  env: string;
  /** In effect; `null` where the setting is absent, `********` where it is secret. */
  value: string | number | boolean | readonly string[] | null;
  source: SettingSource;
  /** The file it came from; absent where it came from none. */
  file?: string;
  description: string;
}

/** Whatever its length, so that nothing is told about the secret. */
export const MASK = '********';

/** The values that no log may hold, of every setting that is marked secret. */
export function secretValues(settings: Settings): string[] {
  return SETTING_KEYS.filter((key) => detailsOf(key).secret === true).flatMap((key) => {
    const value = settings[key];
    return typeof value === 'string' ? [value] : [];
  });
}

/** The settings in effect and where each came from, in the order of their definitions. Safe to print. */
export function describeSettings({ settings, sources, origins }: LoadedSettings): SettingDescription[] {
  return SETTING_KEYS.map((key) => {
    const { secret, description } = detailsOf(key);
    const value = settings[key] ?? null;
    const file = origins.get(key);
    return {
      name: fileName(key),
      env: environmentName(key),
      value: secret === true && value !== null ? MASK : value,
      source: sources.get(key) ?? 'default',
      ...(file === undefined ? {} : { file }),
      description,
    };
  });
}

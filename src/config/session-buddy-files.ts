import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { detailsOf, SETTING_KEYS, type SettingKey } from './definitions.js';
import type { SettingFault } from './faults.js';
import { configHome, type Host } from './host.js';
import { fileName } from './names.js';
import { readMapping } from './yaml-mapping.js';

/** The thirteen settings by their names at Session-Buddy: `akosha_cloud_bucket`. */
export const KEY_OF_SESSION_BUDDY_NAME: ReadonlyMap<string, SettingKey> = new Map(
  SETTING_KEYS.filter((key) => detailsOf(key).sessionBuddy === true).map((key) => [
    `akosha_${fileName(key)}`,
    key,
  ]),
);

export interface SessionBuddySettings {
  /** Each value that some file gives, with that file. */
  values: ReadonlyMap<SettingKey, { value: unknown; path: string }>;
  faults: SettingFault[];
}

/**
 * What a Session-Buddy on this host was told of Akosha. The files and their order are what its loader makes of them: those of the
 * user, then, stronger, those in the folder `settings` of the working directory. Every other name in them is its own business.
 */
export function readSessionBuddyFiles(host: Host): SessionBuddySettings {
  const user = configHome(host, 'session-buddy');
  const here = join(host.cwd, 'settings');
  const values = new Map<SettingKey, { value: unknown; path: string }>();
  const faults: SettingFault[] = [];
  for (const path of [
    join(user, 'config.yaml'),
    join(user, 'local.yaml'),
    join(here, 'session-buddy.yaml'),
    join(here, 'local.yaml'),
  ]) {
    if (!existsSync(path)) continue;
    const mapping = readMapping(path);
    if ('rule' in mapping) {
      faults.push({ name: 'Session-Buddy’s settings file', from: path, rule: mapping.rule });
      continue;
    }
    for (const [name, value] of Object.entries(mapping.content)) {
      const key = KEY_OF_SESSION_BUDDY_NAME.get(name);
      // A later file's empty text takes an earlier one's value away; a null says nothing.
      if (key !== undefined && value !== null) values.set(key, { value, path });
    }
  }
  return { values, faults };
}

import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { SETTING_KEYS, type SettingKey } from './definitions.js';
import type { SettingFault } from './faults.js';
import { absolutePath, configHome, given, type Host } from './host.js';
import { closest, environmentName, fileName } from './names.js';
import { KEY_OF_SESSION_BUDDY_NAME } from './session-buddy-files.js';
import { readMapping } from './yaml-mapping.js';

const KEY_OF_NAME: ReadonlyMap<string, SettingKey> = new Map([
  ...SETTING_KEYS.map((key) => [fileName(key), key] as const),
  ...KEY_OF_SESSION_BUDDY_NAME,
]);

export interface SettingsFile {
  /** Absent where there is no file, which is no fault unless one was named. */
  path?: string;
  values: ReadonlyMap<SettingKey, unknown>;
  faults: SettingFault[];
}

/** The file that is read: the one named, else `akosha.yaml` beside the work, else the user's own. */
function locate(host: Host, named: string | undefined): string | undefined {
  const chosen = given(named);
  if (chosen !== undefined) return resolve(host.cwd, chosen);
  const variable = given(host.env['AKOSHA_CONFIG']);
  if (variable !== undefined) return absolutePath(variable, host.cwd, host.home);
  return [join(host.cwd, 'akosha.yaml'), join(configHome(host), 'config.yaml')].find((path) =>
    existsSync(path),
  );
}

/** Reads the settings file: one YAML mapping from names to values. Never raises: what is wrong is in `faults`. */
export function readSettingsFile(host: Host, named?: string): SettingsFile {
  const path = locate(host, named);
  if (path === undefined) return { values: new Map(), faults: [] };
  const mapping = readMapping(path);
  if ('rule' in mapping) return unreadable(path, mapping.rule);
  const values = new Map<SettingKey, unknown>();
  const faults: SettingFault[] = [];
  for (const [name, value] of Object.entries(mapping.content)) {
    const key = KEY_OF_NAME.get(name);
    if (key === undefined) faults.push({ name, from: path, rule: unknownName(name) });
    else if (values.has(key))
      faults.push({ name, from: path, rule: `is ${fileName(key)} once more; give it once` });
    else if (value !== null) values.set(key, value);
  }
  return { path, values, faults };
}

function unreadable(path: string, rule: string): SettingsFile {
  const fault = { name: 'settings file', env: 'AKOSHA_CONFIG', from: path, rule };
  return { path, values: new Map(), faults: [fault] };
}

function unknownName(name: string): string {
  const meant = closest(name.toLowerCase().replaceAll('-', '_'), [...KEY_OF_NAME.keys()]);
  return meant === undefined ? 'is not a setting' : `is not a setting; did you mean ${meant}?`;
}

/** Variables of the program's that are no settings: where to find things, and what tests use. */
const OTHER_VARIABLES = [
  'AKOSHA_CONFIG',
  'AKOSHA_FAIL_POINT',
  'AKOSHA_FAIL_RECORD',
  'AKOSHA_FAIL_SERVERS',
  'AKOSHA_TEMPORAL_BIN',
  'AKOSHA_WEED_BIN',
  'AKOSHA_ALLOW_DOWNLOAD',
];

/**
 * A line for each `AKOSHA_…` variable that means nothing. Warnings and not faults: an environment is shared with other
 * programs and other versions of this one.
 */
export function unknownVariables(host: Host): string[] {
  const known = [...SETTING_KEYS.map(environmentName), ...OTHER_VARIABLES];
  return Object.keys(host.env)
    .filter((name) => name.startsWith('AKOSHA_') && !known.includes(name))
    .sort()
    .map((name) => {
      const meant = closest(name, known);
      const hint = meant === undefined ? '' : `; did you mean ${meant}?`;
      return `the environment variable ${name} is not a setting and is ignored${hint}`;
    });
}

import { dirname } from 'node:path';
import type { z } from 'zod';
import { detailsOf, SETTING_KEYS, type SettingKey } from './definitions.js';
import { settingsInvalid, type SettingFault } from './faults.js';
import { absolutePath, given, hostOf, type Environment, type Host } from './host.js';
import { environmentName, fileName, flagName } from './names.js';
import { SETTINGS, type Settings } from './rules.js';
import { readSessionBuddyFiles, type SessionBuddySettings } from './session-buddy-files.js';
import { readSettingsFile, unknownVariables, type SettingsFile } from './settings-file.js';

export type SettingSource = 'flag' | 'environment' | 'file' | 'session-buddy' | 'default';

export interface LoadOptions {
  /** By default this process's. */
  env?: Environment;
  /** What relative paths in flags and in the environment start at; by default this process's. */
  cwd?: string;
  /** A settings file named by a flag; it must exist. */
  configPath?: string;
  /** Values of flags, which win over everything. An undefined one is a flag not given. */
  overrides?: Partial<Record<SettingKey, string | number | boolean | readonly string[] | undefined>>;
}

export interface LoadedSettings {
  settings: Settings;
  sources: ReadonlyMap<SettingKey, SettingSource>;
  /** The file that a value came from, for those that came from one. */
  origins: ReadonlyMap<SettingKey, string>;
  /** The settings file that was read, if there is one. */
  file?: string;
  /** Worth a line in the log, and no reason to stop. */
  warnings: string[];
}

interface Found {
  source: SettingSource;
  value: unknown;
  /** For a fault: what the person has to change. A path where the source is a file. */
  from: string;
}

/**
 * Reads the settings: flags over the environment over a YAML file over Session-Buddy's files over defaults.
 *
 * Raises `SettingsInvalid` with every fault there is, each with the setting's name, its environment variable and where
 * the bad value came from.
 */
export function loadSettings(options: LoadOptions = {}): Settings {
  return readSettings(options).settings;
}

/** As `loadSettings`, and says where each value came from. */
export function readSettings(options: LoadOptions = {}): LoadedSettings {
  const host = hostOf(options.env ?? process.env, options.cwd ?? process.cwd());
  const file = readSettingsFile(host, options.configPath);
  const sessionBuddy = readSessionBuddyFiles(host);
  const layers = { host, file, sessionBuddy, flags: options.overrides ?? {} };
  const found = new Map(SETTING_KEYS.map((key) => [key, find(key, layers)]));
  const raw = Object.fromEntries([...found].map(([key, { value }]) => [key, value]));
  const parsed = SETTINGS.safeParse(raw);
  const faults = [...file.faults, ...sessionBuddy.faults, ...faultsOf(parsed.error?.issues ?? [], found)];
  if (!parsed.success || faults.length > 0) throw settingsInvalid(faults);
  return {
    settings: Object.freeze(parsed.data),
    ...originsOf(found),
    ...(file.path === undefined ? {} : { file: file.path }),
    warnings: unknownVariables(host),
  };
}

function originsOf(found: Map<SettingKey, Found>): Pick<LoadedSettings, 'sources' | 'origins'> {
  const shown = new Map(found);
  const bucket = found.get('cloudBucket');
  // A bucket makes the object store's URL where there is none, so the URL comes from where the bucket does.
  if (bucket?.value !== undefined && found.get('objectStore')?.value === undefined) {
    shown.set('objectStore', bucket);
  }
  const sources = [...shown].map(([key, { source }]) => [key, source] as const);
  const origins = [...shown].flatMap(([key, { source, from }]) =>
    source === 'file' || source === 'session-buddy' ? [[key, from] as const] : [],
  );
  return { sources: new Map(sources), origins: new Map(origins) };
}

interface Layers {
  flags: NonNullable<LoadOptions['overrides']>;
  host: Host;
  file: SettingsFile;
  sessionBuddy: SessionBuddySettings;
}

/** The value of the strongest source that gives one. */
function find(key: SettingKey, { host, file, sessionBuddy, flags }: Layers): Found {
  const flag = flags[key];
  if (flag !== undefined) {
    return { source: 'flag', value: prepared(key, flag, host.cwd, host), from: `the flag ${flagName(key)}` };
  }
  const variable = given(host.env[environmentName(key)]);
  if (variable !== undefined) {
    return { source: 'environment', value: prepared(key, variable, host.cwd, host), from: 'the environment' };
  }
  if (file.path !== undefined && file.values.has(key)) {
    const value = prepared(key, file.values.get(key), dirname(file.path), host);
    // As in Session-Buddy's own files: an empty text is none, and here it takes theirs away.
    const empty = value === '' && detailsOf(key).sessionBuddy === true;
    return { source: 'file', value: empty ? initialOf(key, host) : value, from: file.path };
  }
  const theirs = sessionBuddy.values.get(key);
  if (theirs !== undefined && theirs.value !== '') {
    return { source: 'session-buddy', value: theirs.value, from: theirs.path };
  }
  return { source: 'default', value: initialOf(key, host), from: 'the default' };
}

function initialOf(key: SettingKey, host: Host): unknown {
  const { initial } = detailsOf(key);
  return prepared(key, typeof initial === 'function' ? initial(host) : initial, host.cwd, host);
}

/** Makes paths absolute and splits lists; whether the outcome is right, the setting's shape says. */
function prepared(key: SettingKey, value: unknown, base: string, host: Host): unknown {
  const { paths } = detailsOf(key);
  if (paths === undefined) return value;
  const absolute = (path: unknown): unknown =>
    typeof path === 'string' && path !== '' ? absolutePath(path, base, host.home) : path;
  if (paths === 'one') return absolute(value);
  const items: unknown[] =
    typeof value === 'string' ? splitList(value) : Array.isArray(value) ? value : [value];
  return items.map(absolute);
}

function splitList(text: string): string[] {
  return text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

/** One fault for each setting that is wrong: several broken checks of one shape have one rule between them. */
function faultsOf(
  issues: readonly z.core.$ZodIssue[],
  found: ReadonlyMap<SettingKey, Found>,
): SettingFault[] {
  const faults = new Map<SettingKey, SettingFault>();
  for (const issue of issues) {
    const key = SETTING_KEYS.find((known) => known === issue.path[0]);
    if (key === undefined || faults.has(key)) continue;
    const { value, from } = found.get(key) ?? { value: undefined, from: 'nowhere' };
    faults.set(key, {
      name: fileName(key),
      env: environmentName(key),
      from,
      rule: brokenRule(key, issue, value),
    });
  }
  return [...faults.values()];
}

function brokenRule(key: SettingKey, issue: z.core.$ZodIssue, value: unknown): string {
  // Said by a check of ours, which knows more than the setting's rule does.
  if (issue.code === 'custom') return issue.message;
  const { rule, secret } = detailsOf(key);
  return secret === true ? `must be ${rule}` : `must be ${rule}, not ${shown(value)}`;
}

/** Cut, because a value that is wrong may be a whole file pasted by mistake. */
function shown(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}

import { dirname } from 'node:path';
import type { z } from 'zod';
import { detailsOf, SETTING_KEYS, type SettingKey } from './definitions.js';
import { settingsInvalid, type SettingFault } from './faults.js';
import { absolutePath, given, hostOf, type Environment, type Host } from './host.js';
import { environmentName, fileName, flagName } from './names.js';
import { SETTINGS, type Settings } from './rules.js';
import { readSettingsFile, unknownVariables, type SettingsFile } from './settings-file.js';

export type SettingSource = 'flag' | 'environment' | 'file' | 'default';

export interface LoadOptions {
  /** By default this process's. */
  env?: Environment;
  /** What relative paths in flags and in the environment start at; by default this process's. */
  cwd?: string;
  /** A settings file named by a flag; it must exist. */
  configPath?: string;
  /** Values of flags, which win over everything. An undefined one is a flag not given. */
  overrides?: Partial<Record<SettingKey, string | number | readonly string[] | undefined>>;
}

export interface LoadedSettings {
  settings: Settings;
  sources: ReadonlyMap<SettingKey, SettingSource>;
  /** The settings file that was read, if there is one. */
  file?: string;
  /** Worth a line in the log, and no reason to stop. */
  warnings: string[];
}

interface Found {
  source: SettingSource;
  value: unknown;
  /** For a fault: what the person has to change. */
  from: string;
}

/**
 * Reads the settings: flags over the environment over a YAML file over defaults.
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
  const found = new Map(SETTING_KEYS.map((key) => [key, find(key, host, file, options.overrides ?? {})]));
  const raw = Object.fromEntries([...found].map(([key, { value }]) => [key, value]));
  const parsed = SETTINGS.safeParse(raw);
  const faults = [...file.faults, ...faultsOf(parsed.error?.issues ?? [], found)];
  if (!parsed.success || faults.length > 0) throw settingsInvalid(faults);
  return {
    settings: Object.freeze(parsed.data),
    sources: new Map([...found].map(([key, { source }]) => [key, source])),
    ...(file.path === undefined ? {} : { file: file.path }),
    warnings: unknownVariables(host),
  };
}

/** The value of the strongest source that gives one. */
function find(
  key: SettingKey,
  host: Host,
  file: SettingsFile,
  flags: NonNullable<LoadOptions['overrides']>,
): Found {
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
    return { source: 'file', value, from: file.path };
  }
  const { initial } = detailsOf(key);
  const value = typeof initial === 'function' ? initial(host) : initial;
  return { source: 'default', value: prepared(key, value, host.cwd, host), from: 'the default' };
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

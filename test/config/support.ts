import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach } from 'vitest';
import { readSettings, type LoadedSettings } from '../../src/config/index.js';
import { isAkoshaError } from '../../src/contract/index.js';

/** Of the test that runs: an empty home, and a working directory that is not in it. */
export let home: string;
export let cwd: string;

/** Gives each test of the file such a host. */
export function useEmptyHost(): void {
  beforeEach(() => {
    const root = mkdtempSync(join(tmpdir(), 'akosha-config-'));
    home = join(root, 'home');
    cwd = join(root, 'work');
    mkdirSync(cwd, { recursive: true });
  });
  afterEach(() => rmSync(dirname(home), { recursive: true }));
}

export function load(env: Record<string, string> = {}): LoadedSettings {
  return readSettings({ env: { HOME: home, ...env }, cwd });
}

/** The faults of what is refused, by name: rule and origin. */
export function faultsOf(env: Record<string, string> = {}): Record<string, { rule: string; from: string }> {
  try {
    load(env);
  } catch (error) {
    if (!isAkoshaError(error, 'SettingsInvalid')) throw error;
    const faults = error.details['faults'] as { name: string; rule: string; from: string }[];
    return Object.fromEntries(faults.map(({ name, rule, from }) => [name, { rule, from }]));
  }
  throw new Error('the settings were accepted');
}

export function write(path: string, text: string): string {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  return path;
}

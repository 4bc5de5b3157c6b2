import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { loadSettings, type Settings } from '../../../src/config/index.js';
import { isAkoshaError } from '../../../src/contract/index.js';
import { methodSettings } from '../../../src/processes/agent-parts.js';
import { chooseMethods, configuredMethods } from '../../../src/upload/methods/index.js';
import { makeSmallHost, type TestHost } from '../support.js';

const PAGE = readFileSync('docs/reference/sync-methods.md', 'utf8');

/** The rows of the page's table with this first column, cells without their backticks; undefined for a dash. */
function tableOf(firstColumn: string): Record<string, string | undefined>[] {
  const lines = PAGE.slice(PAGE.search(new RegExp(`^\\| \`${firstColumn}\``, 'm'))).split('\n');
  const cells = (line: string): string[] =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim().replaceAll('`', ''));
  const [head = '', , ...rest] = lines.slice(0, lines.indexOf(''));
  const names = cells(head);
  return rest.map((line) =>
    Object.fromEntries(
      cells(line).map((cell, index): [string, string | undefined] => [
        names[index] ?? '',
        cell === '–' ? undefined : cell,
      ]),
    ),
  );
}

function environmentOf(row: Record<string, string | undefined>): Record<string, string> {
  const named = Object.entries(row).filter(([name, value]) => /^[a-z_]+$/.test(name) && value !== undefined);
  return Object.fromEntries(named.map(([name, value]) => [`AKOSHA_${name.toUpperCase()}`, String(value)]));
}

function load(env: Record<string, string>): Settings {
  return loadSettings({ env: { HOME: '/nowhere', AKOSHA_DATA_DIR: '/data', ...env }, cwd: '/nowhere' });
}

function methodsOf(settings: Settings, host: TestHost): string[] {
  const configured = configuredMethods(host, methodSettings(settings));
  return chooseMethods(configured, settings).map(({ name }) => name);
}

function faultyOf(env: Record<string, string>): unknown {
  try {
    load(env);
  } catch (error) {
    if (isAkoshaError(error, 'SettingsInvalid')) return error.details['faults'];
    throw error;
  }
  return [];
}

describe('the table of what is used', () => {
  const rows = tableOf('cloud_bucket');

  it('has every combination', () => {
    const combinations = rows.map((row) => JSON.stringify(environmentOf(row)));
    expect(combinations.filter((row) => row.includes('"AKOSHA_ENABLE_FALLBACK":"true"'))).toHaveLength(
      2 * 2 * 2 * 3,
    );
    expect(new Set(combinations).size).toBe(combinations.length);
  });

  it.each(rows)('is right for %o', async (row) => {
    const env = environmentOf(row);
    const methods = row['methods, in order'];
    if (row['object store'] === 'refused') {
      expect(faultyOf(env)).toEqual([expect.objectContaining({ name: methods })]);
      return;
    }
    const settings = load(env);
    expect(settings.objectStore).toBe(
      row['object store'] === 'folder' ? pathToFileURL('/data/objects').href : row['object store'],
    );
    expect(methodsOf(settings, await makeSmallHost())).toEqual(methods?.split(', '));
  });
});

it.each(tableOf('cloud_endpoint'))('the table of a bucket’s URL is right for %o', (row) => {
  const { objectStore } = load({ AKOSHA_CLOUD_BUCKET: 'memories', ...environmentOf(row) });
  expect(objectStore).toBe(row['URL of the bucket memories']);
});

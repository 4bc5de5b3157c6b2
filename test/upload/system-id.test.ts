import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { isSystemId } from '../../src/memory/index.js';
import { knownSystemId, resolveSystemId } from '../../src/upload/index.js';
import { temporaryFolder } from '../reader/support.js';

it('is the setting, escaped where it is more than letters, digits, dashes and underscores', async () => {
  const dataDir = await temporaryFolder();
  expect(await resolveSystemId('laptop-7', dataDir)).toBe('laptop-7');
  expect(await resolveSystemId('laptop.local', dataDir)).toBe('x--laptop_2Elocal');
  expect(await knownSystemId('laptop.local', dataDir)).toBe('x--laptop_2Elocal');
});

it('is made once of the host’s name, also where two processes begin at once, and kept', async () => {
  const dataDir = await temporaryFolder();
  expect(await knownSystemId(undefined, dataDir)).toBeNull();
  const [a, b] = await Promise.all([1, 2].map(() => resolveSystemId(undefined, dataDir)));
  expect(a).toMatch(/-[0-9a-f]{6}$/);
  expect(a).toContain(
    hostname()
      .replaceAll(/[^A-Za-z0-9_-]+/g, '-')
      .replace(/^x-+/, 'x-')
      .slice(0, 60),
  );
  expect(isSystemId(a ?? '')).toBe(true);
  expect(b).toBe(a);
  expect(await resolveSystemId(undefined, dataDir)).toBe(a);
  expect(await knownSystemId(undefined, dataDir)).toBe(a);
  expect(await readFile(join(dataDir, 'agent', 'system-id'), 'utf8')).toBe(a);
  expect(await resolveSystemId(undefined, await temporaryFolder())).not.toBe(a);
});

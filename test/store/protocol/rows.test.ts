import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, it } from 'vitest';
import { GUARDS } from './all-guards.js';
import { GUARDS_OF_ROWS } from './rows.js';

const PROTOCOL = path.resolve(import.meta.dirname, '../../../docs/reference/protocol.md');

/** The first column of the last table, without its head. */
async function rowsOfTable(): Promise<string[]> {
  const lines = (await readFile(PROTOCOL, 'utf8')).split('\n');
  const from = lines.indexOf('## What each guard prevents (each a test)');
  const cells = lines
    .slice(from)
    .flatMap((line) => (line.startsWith('|') ? [line.split('|')[1]?.trim() ?? ''] : []));
  return cells.slice(2);
}

it('each row of the protocol’s table has a guard whose test fails without it', async () => {
  const rows = await rowsOfTable();
  expect(rows.length).toBeGreaterThanOrEqual(20);
  expect(Object.keys(GUARDS_OF_ROWS).toSorted()).toEqual(rows.toSorted());
  const names = new Set<string>(GUARDS.map(({ name }) => name));
  expect(names.size).toBe(GUARDS.length);
  for (const [row, guards] of Object.entries(GUARDS_OF_ROWS)) {
    expect(guards.length, row).toBeGreaterThan(0);
    expect(
      guards.filter((guard) => !names.has(guard)),
      row,
    ).toEqual([]);
  }
});

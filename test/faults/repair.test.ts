import { execFile } from 'node:child_process';
import { readFile, stat, truncate } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { FAIL_POINTS } from '../../src/faults/index.js';
import { openWorld } from '../store/support.js';

const POINTS = FAIL_POINTS.filter((point) => point.startsWith('repair.'));

it('a repair, killed at each of its points and begun again, brings all of it back', async () => {
  const world = await openWorld();
  const rows = ['a', 'b', 'c', 'd', 'e', 'f'].map((id) => ({ id, text: `text of ${id}` }));
  await world.ingest('u1', 1, rows);
  await world.store.checkpoint();
  await world.store.close();
  const hot = path.join(world.folder, 'store/hot.duckdb');
  await truncate(hot, Math.floor((await stat(hot)).size / 2));
  const record = path.join(world.folder, 'struck');
  const run = async (): Promise<unknown> => {
    const program = fileURLToPath(new URL('./repairing.mjs', import.meta.url));
    const env = { ...process.env, AKOSHA_FAIL_POINT: POINTS.join(','), AKOSHA_FAIL_RECORD: record };
    return promisify(execFile)(process.execPath, [program, world.folder], { env }).catch(
      (error: unknown) => error,
    );
  };
  for (const _ of POINTS) expect(await run()).toMatchObject({ signal: 'SIGKILL' });
  expect((await readFile(record, 'utf8')).trim().split('\n').toSorted()).toEqual(POINTS.toSorted());
  expect(await run()).toMatchObject({ stdout: expect.stringMatching(/"damaged":\[\]/) as unknown });
  await world.open();
  for (const { id, text } of rows) expect((await world.find(id))?.content).toBe(text);
}, 60_000);

import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { FAIL_POINTS } from '../../src/faults/index.js';
import { openWorld } from '../store/support.js';

const BACKUP_POINTS = FAIL_POINTS.filter((point) => point.startsWith('backup.'));
const POINTS = FAIL_POINTS.filter((point) => point.startsWith('rebuild.'));

const CONTENTS = `SELECT memory_id, hash, ord, upload_id, tier FROM placements ORDER BY memory_id`;

it('akosha rebuild, killed at each of its points and run again, makes the same store', async () => {
  const world = await openWorld();
  await world.ingest('u1', 1, [
    { id: 'a', text: 'one' },
    { id: 'cold', text: 'long ago', age: 200 },
  ]);
  await world.ingest(
    'u2',
    2,
    [
      { id: 'a', text: 'two' },
      { id: 'b', text: 'new' },
    ],
    1,
  );
  for (const id of ['u1', 'u2']) await world.putReceipt(id);
  await world.moveAllToCold();
  const placed = world.read(CONTENTS);
  await world.lose();
  const record = path.join(world.folder, 'struck');
  const run = async (): Promise<{ memories: number } | undefined> => {
    const args = ['dist/cli/akosha.cjs', 'rebuild', '--json', '--dead-since', '2026-01-01T00:00:00Z'];
    const env = {
      ...process.env,
      AKOSHA_DATA_DIR: world.folder,
      AKOSHA_OBJECT_STORE: `file://${world.folder}/objects`,
      AKOSHA_CLOCK: '2026-11-22T12:00:00Z',
      AKOSHA_FAIL_POINT: POINTS.join(','),
      AKOSHA_FAIL_RECORD: record,
    };
    const ended = await promisify(execFile)(process.execPath, args, { env }).catch((error: unknown) => error);
    if (!(ended instanceof Error))
      return JSON.parse((ended as { stdout: string }).stdout) as { memories: number };
    // What dies otherwise is told, and not run again for ever.
    expect(ended).toMatchObject({ signal: 'SIGKILL' });
    return undefined;
  };
  // The last point lies behind the end: what it kills has made the store, which a further run would refuse to touch.
  for (const _ of POINTS) expect(await run()).toBeUndefined();
  expect((await readFile(record, 'utf8')).trim().split('\n').toSorted()).toEqual(POINTS.toSorted());
  await world.open();
  expect(world.read(CONTENTS)).toEqual(placed);
  expect((await world.find('a'))?.content).toBe('two');
  expect((await world.find('cold'))?.content).toBe('long ago');
}, 120_000);

it('a backup, killed at each of its points and taken again, is one that a rebuild can use', async () => {
  const world = await openWorld();
  await world.store.close();
  const record = path.join(world.folder, 'struck');
  const run = async (): Promise<unknown> => {
    const program = fileURLToPath(new URL('./backing-up.mjs', import.meta.url));
    const env = {
      ...process.env,
      AKOSHA_FAIL_POINT: BACKUP_POINTS.join(','),
      AKOSHA_FAIL_RECORD: record,
    };
    return promisify(execFile)(process.execPath, [program, world.folder], { env }).catch(
      (error: unknown) => error,
    );
  };
  for (const _ of BACKUP_POINTS) expect(await run()).toMatchObject({ signal: 'SIGKILL' });
  expect((await readFile(record, 'utf8')).trim().split('\n').toSorted()).toEqual(BACKUP_POINTS.toSorted());
  expect(await run()).toMatchObject({ stdout: `${BACKUP_POINTS.length + 1}\n` });
  await world.open();
  await world.lose();
  expect(await world.rebuild()).toMatchObject({ uploads: BACKUP_POINTS.length + 1 });
}, 60_000);

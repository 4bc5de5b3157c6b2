import { execFile } from 'node:child_process';
import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { FAIL_POINTS } from '../../src/faults/index.js';
import { NOW, SYSTEM } from '../store/protocol/world.js';
import { openWorld } from '../store/support.js';

const POINTS = FAIL_POINTS.filter((point) => point.startsWith('expire.'));

it('what expires, killed at each of its points and run again, is gone once, counted once, and gone from a store that is rebuilt', async () => {
  const world = await openWorld();
  world.madeAt(NOW);
  await world.ingest('u1', 1, [
    { id: 'a', text: 'from long ago', age: 2_600 },
    { id: 'b', text: 'of yesterday' },
  ]);
  await world.putReceipt('u1');
  await world.backup();
  await world.store.close();
  const record = path.join(world.folder, 'struck');
  const program = fileURLToPath(new URL('./expiring.mjs', import.meta.url));
  const env = { ...process.env, AKOSHA_FAIL_POINT: POINTS.join(','), AKOSHA_FAIL_RECORD: record };
  const run = (): Promise<unknown> =>
    promisify(execFile)(process.execPath, [program, world.folder, String(NOW)], { env }).catch(
      (error: unknown) => error,
    );
  for (const point of POINTS) {
    expect(await run(), point).toMatchObject({ signal: 'SIGKILL' });
    if (point === 'expire.after-batch') {
      await rm(path.join(world.folder, 'store'), { recursive: true });
      expect(await world.rebuild()).toMatchObject({ memories: 1, uploads: 1, pending: 0 });
      await world.store.close();
    }
  }
  expect((await readFile(record, 'utf8')).trim().split('\n')).toEqual(POINTS);
  const { stdout } = (await run()) as { stdout: string };
  const told = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { ended: boolean; memories: object });
  expect(told.every(({ ended }) => ended)).toBe(true);
  expect(told.filter(({ memories }) => Object.keys(memories).length > 0)).toEqual([
    { decided_by: 'a test', ended: true, memories: { [SYSTEM]: 1 } },
  ]);
  await world.open();
  expect([await world.find('a'), (await world.find('b'))?.content]).toEqual([undefined, 'of yesterday']);
}, 60_000);

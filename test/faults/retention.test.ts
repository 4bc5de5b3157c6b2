import { execFile } from 'node:child_process';
import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { manifestKey, receiptKey } from '../../src/contract/index.js';
import { FAIL_POINTS } from '../../src/faults/index.js';
import { openWorld } from '../store/support.js';
import { DAY, SYSTEM } from '../store/protocol/world.js';

const POINTS = FAIL_POINTS.filter((point) => point.startsWith('retention.'));
const UPLOADS = `SELECT upload_id, ord, state, raw_left FROM uploads ORDER BY upload_id`;

it('retention, killed at each of its points and run again, leaves what one run does, and a store that can be rebuilt', async () => {
  const world = await openWorld();
  const refs = ['u1', 'u2', 'u3'].map((uploadId) => ({ systemId: SYSTEM, uploadId }));
  for (const [n, { uploadId }] of refs.entries()) {
    await world.archive.put(`systems/${SYSTEM}/uploads/${uploadId}/a.duckdb`, 'a database');
    await world.ingest(uploadId, n + 1, [{ id: uploadId, text: `text ${n}` }], n === 0 ? null : n);
    await world.putReceipt(uploadId);
  }
  await world.store.close();
  const record = path.join(world.folder, 'struck');
  const run = async (): Promise<unknown> => {
    const program = fileURLToPath(new URL('./retiring.mjs', import.meta.url));
    const env = { ...process.env, AKOSHA_FAIL_POINT: POINTS.join(','), AKOSHA_FAIL_RECORD: record };
    const args = [program, world.folder, String(world.now + 8 * DAY)];
    return promisify(execFile)(process.execPath, args, { env }).catch((error: unknown) => error);
  };
  for (const _ of POINTS) {
    expect(await run()).toMatchObject({ signal: 'SIGKILL' });
    // Wherever it died: what has a manifest is on record, and a rebuild from what stands finds every upload and memory.
    await rm(path.join(world.folder, 'store'), { recursive: true });
    expect(await world.rebuild()).toMatchObject({ memories: 3, uploads: 3, pending: 0 });
    await world.store.close();
  }
  expect((await readFile(record, 'utf8')).trim().split('\n').toSorted()).toEqual(POINTS.toSorted());
  const [, , last = { systemId: '', uploadId: '' }] = refs;
  expect(await run()).toMatchObject({ stdout: `${manifestKey(last)}\n${receiptKey(last)}\n` });
  await world.open();
  expect(world.read(UPLOADS)).toEqual([
    { upload_id: 'u1', ord: 1, state: 'raw_gone', raw_left: 'nothing' },
    { upload_id: 'u2', ord: 2, state: 'raw_gone', raw_left: 'nothing' },
    { upload_id: 'u3', ord: 3, state: 'raw_gone', raw_left: 'names' },
  ]);
}, 120_000);

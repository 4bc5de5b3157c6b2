import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdir, open, readdir, rename, rm, rmdir, stat, truncate } from 'node:fs/promises';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { SAMPLES_OF_DUCKDB_2 } from '../support/databases.js';
import type { World } from './protocol/world.js';
import { openWorld } from './support.js';

const ROWS = [
  { id: 'a', text: 'alpha', age: 1 },
  { id: 'b', text: 'beta', age: 30 },
];

const KEY = { systemId: 'host-1', kind: 'conversation' } as const;

let world: World;
let hot: string;
beforeEach(async () => {
  world = await openWorld();
  hot = path.join(world.folder, 'store', 'hot.duckdb');
  await world.ingest('u1', 1, ROWS);
});

async function texts(): Promise<(string | undefined)[]> {
  const found = await Promise.all(ROWS.map(({ id }) => world.find(id)));
  return found.map((memory) => memory?.content);
}

async function namesInStore(): Promise<string[]> {
  return (await readdir(path.dirname(hot))).toSorted();
}

/** A process that has the file open until it is told to end. */
async function lockedElsewhere(): Promise<() => Promise<void>> {
  const program = `
    import { DuckDBInstance } from '@duckdb/node-api';
    const instance = await DuckDBInstance.create(process.argv[1]);
    process.stdout.write('open');
    process.stdin.resume();`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program, hot], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  return async () => {
    child.kill('SIGKILL');
    await once(child, 'exit');
  };
}

const kept = (): string => `${hot}.kept`;

/** What a file that is well may be hidden by, and how that is put right. */
const OBSTACLES: Record<string, { begin: () => Promise<() => Promise<unknown>>; says: RegExp }> = {
  'a folder in its place': {
    begin: async () => {
      await rename(hot, kept());
      await mkdir(hot);
      return () => rmdir(hot).then(() => rename(kept(), hot));
    },
    says: /is no file/,
  },
  'a file that a newer DuckDB wrote': {
    begin: async () => {
      await rename(hot, kept());
      await copyFile(path.join(SAMPLES_OF_DUCKDB_2, 'reflection.duckdb'), hot);
      return () => rename(kept(), hot);
    },
    says: /version number \d+, but we can only read/,
  },
  'another process that has it open': { begin: lockedElsewhere, says: /lock on file/ },
};

describe.each(Object.entries(OBSTACLES))('a tier whose file is well, behind %s', (_name, obstacle) => {
  it('is left as it is: the store does not open, and says why', async () => {
    await world.store.close();
    const remove = await obstacle.begin();
    const before = await namesInStore();
    const refused = world.open();
    await expect(refused).rejects.toMatchObject({ type: 'StoreDamaged' });
    await expect(refused).rejects.toThrow(obstacle.says);
    await expect(refused).rejects.toThrow(hot);
    const after = await namesInStore();
    await remove();
    expect(after).toEqual(before);
    await world.open();
    expect([world.store.damaged(), await texts()]).toEqual([[], ['alpha', 'beta']]);
  });
});

describe('a tier that lacks rows', () => {
  it.each([
    ['its file is empty', () => truncate(hot, 0)],
    ['its log is lost', () => Promise.resolve()],
  ])('is out from the start: %s', async (_how, damage) => {
    // What stands in the file while its rows are in its log.
    await copyFile(hot, kept());
    await world.store.close();
    await rm(`${hot}.wal`, { force: true });
    await rename(kept(), hot);
    await damage();
    await world.open();
    expect(world.store.damaged()).toEqual([{ tier: 'hot', since: world.now }]);
    expect(await texts()).toEqual([undefined, 'beta']);
  });

  it('is out from the start also where it has as many as are placed: a log that held deletions is lost', async () => {
    await world.store.checkpoint();
    await copyFile(hot, kept());
    await world.ingest('u2', 2, [{ id: 'a', text: 'alpha again', age: 1 }], 1);
    await world.store.close();
    await rm(`${hot}.wal`, { force: true });
    await rename(kept(), hot);
    await world.open();
    expect(world.store.damaged()).toEqual([{ tier: 'hot', since: world.now }]);
    expect(await texts()).toEqual([undefined, 'beta']);
  });
});

it('a catalog that is overwritten while the store runs says so, and answers nothing that is not so', async () => {
  await world.putReceipt('u1');
  const catalog = path.join(world.folder, 'store', 'catalog.db');
  await world.store.checkpoint();
  const file = await open(catalog, 'r+');
  await file.writeFile(Buffer.alloc((await stat(catalog)).size, 'junk '));
  await file.close();
  // What a thread has in memory is right, until another has written.
  await world.register('u2', 2, 1).catch(() => undefined);
  await expect(texts()).rejects.toMatchObject({
    type: 'StoreDamaged',
    message: expect.stringContaining('akosha rebuild') as unknown,
  });
  expect(world.store.failure()).toMatchObject({ type: 'StoreDamaged' });
  await world.store.close();
  await expect(world.open()).rejects.toMatchObject({ type: 'StoreDamaged' });
  await world.lose();
  await world.rebuild();
  expect([world.store.failure(), await texts()]).toEqual([undefined, ['alpha', 'beta']]);
});

it.each([0, 1e9])(
  'a catalog that names another memory’s row has that answered as nobody’s: %d bytes of cache',
  async (textCacheBytes) => {
    await world.store.close();
    await world.open(undefined, { textCacheBytes });
    // In the cache, if there is one.
    expect(await texts()).toEqual(['alpha', 'beta']);
    const [a] = world.read<{ row_id: number }>(`SELECT row_id FROM placements WHERE memory_id = 'a'`);
    await world.ingest('u2', 2, [{ id: 'c', text: 'gamma' }], 1);
    // What a byte of the file may turn into.
    world.sql(`UPDATE placements SET row_id = -row_id WHERE memory_id = 'a'`);
    world.sql(`UPDATE placements SET row_id = ${a?.row_id} WHERE memory_id = 'c'`);
    expect([await world.find('c'), await texts()]).toEqual([undefined, [undefined, 'beta']]);
    const missing: string[] = [];
    const keys = ['a', 'b', 'c'].map((memoryId) => ({ ...KEY, memoryId }));
    await world.store.fetch(keys, ['hot', 'warm', 'cold'], (tier) => missing.push(tier));
    expect(missing).toEqual(['hot', 'hot']);
    await expect(world.store.listMemories('host-1', { limit: 10 })).rejects.toMatchObject({
      type: 'VerifyFailed',
    });
  },
);

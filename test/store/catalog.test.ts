import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Catalog } from '../../src/store/embedded/catalog/catalog.js';
import { CatalogDatabase } from '../../src/store/embedded/catalog/database.js';
import { temporaryFolder } from '../reader/support.js';

const firstEpoch = (): Promise<number> => Promise.resolve(1);

/** A process whose catalog does not open. Returns what it printed, once it ended by itself. */
async function failToOpen(file: string): Promise<string> {
  const program = fileURLToPath(new URL('./failing-catalog.mjs', import.meta.url));
  const child = spawn(process.execPath, [program, file]);
  onTestFinished(() => void child.kill('SIGKILL'));
  let printed = '';
  child.stdout.on('data', (text: Buffer) => (printed += text.toString()));
  expect(await once(child, 'exit')).toEqual([0, null]);
  return printed;
}

describe('a catalog that cannot be opened', () => {
  it('because the archive cannot be listed leaves no thread: the process ends', async () => {
    const file = join(await temporaryFolder(), 'catalog.db');
    expect(await failToOpen(file)).toBe('the archive does not answer');
    const catalog = await Catalog.open(file, firstEpoch);
    expect(await catalog.read.currentEpoch()).toBe(1);
    await catalog.close();
  });

  it('because its file is none leaves no thread: the process ends', async () => {
    const file = join(await temporaryFolder(), 'catalog.db');
    await writeFile(file, 'not a database, whatever its name says. '.repeat(100));
    expect(await failToOpen(file)).toContain(file);
    await expect(Catalog.open(file, firstEpoch)).rejects.toMatchObject({ type: 'StoreDamaged' });
  });
});

describe('a catalog that lost a thread', () => {
  it.each(['read', 'write'] as const)('of those that %s says so until it is closed', async (mode) => {
    const catalog = await Catalog.open(join(await temporaryFolder(), 'catalog.db'), firstEpoch);
    expect(catalog.failure()).toBeUndefined();
    // The message that ends a thread, at a time when nobody closes the catalog: a fault, injected.
    const end = Reflect.get(catalog[mode], 'close') as () => Promise<void>;
    await end();
    await expect.poll(() => catalog.failure()?.message).toMatch(/lost a thread/);
    expect(catalog.failure()).toMatchObject({ type: 'StoreClosed' });
    // The other reader answers.
    expect(await catalog.read.currentEpoch()).toBe(1);
    expect(await catalog.read.currentEpoch()).toBe(1);
    await catalog.close();
    expect(catalog.failure()).toBeUndefined();
  });
});

it('a catalog’s log is emptied, or it says that somebody still reads what is in it', async () => {
  const file = join(await temporaryFolder(), 'catalog.db');
  const written = new CatalogDatabase(file, 'write');
  onTestFinished(() => written.close());
  const read = new CatalogDatabase(file, 'read');
  onTestFinished(() => read.close());
  read.snapshot(() => {
    read.number('SELECT count(*) FROM meta');
    written.startEpoch(1);
    const asked = performance.now();
    expect(written.checkpoint()).toBe(false);
    // Commits are held up for so long.
    expect(performance.now() - asked).toBeLessThan(5_000);
  });
  expect(written.number('PRAGMA busy_timeout')).toBe(10_000);
  expect(written.checkpoint()).toBe(true);
  expect((await stat(`${file}-wal`)).size).toBe(0);
});

it('rows that are not all read keep nothing of the catalog’s log', async () => {
  const file = join(await temporaryFolder(), 'catalog.db');
  const written = new CatalogDatabase(file, 'write');
  onTestFinished(() => written.close());
  const read = new CatalogDatabase(file, 'read');
  onTestFinished(() => read.close());
  const rows = `WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n LIMIT 1000) SELECT * FROM n, (SELECT count(*) FROM meta)`;
  const full = (): void =>
    read.snapshot(() => {
      for (const _row of read.each(rows)) throw new Error('no room');
    });
  expect(full).toThrow('no room');
  written.startEpoch(1);
  expect(written.checkpoint()).toBe(true);
  expect([...read.each(rows)]).toHaveLength(1000);
});

describe('the threads of a catalog', () => {
  it('load no schemas, which would double what each of them costs at a start', async () => {
    const { metafile } = await build({
      entryPoints: ['src/store/embedded/catalog/catalog-thread.ts'],
      ...{
        bundle: true,
        write: false,
        metafile: true,
        packages: 'external',
        platform: 'node',
        format: 'esm',
      },
    });
    const packages = Object.values(metafile.outputs).flatMap(({ imports }) =>
      imports.map(({ path }) => path),
    );
    expect(packages).toContain('libsql');
    expect(packages).not.toContain('zod');
  });

  it('are started by what is asked of them, and by nothing once it is closed', async () => {
    const catalog = await Catalog.open(join(await temporaryFolder(), 'catalog.db'), firstEpoch);
    await catalog.close();
    const closed = { type: 'StoreClosed' };
    await expect(catalog.write.openOperations('')).rejects.toMatchObject(closed);
    await expect(catalog.read.currentEpoch()).rejects.toMatchObject(closed);
    await expect(catalog.scan.currentEpoch()).rejects.toMatchObject(closed);
  });
});

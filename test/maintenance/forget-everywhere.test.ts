import { copyFile, cp, readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { expect, it, onTestFinished } from 'vitest';
import { uploadPrefix, type ForgetScope } from '../../src/contract/index.js';
import { moveChosen, sweep } from '../../src/maintenance/index.js';
import { EMBEDDING_DIMENSIONS, EMBEDDING_MODEL } from '../../src/memory/index.js';
import { FIRST_WAITING } from '../../src/store/index.js';
import { temporaryFolder } from '../reader/support.js';
import { withDuckDB } from '../support/databases.js';
import { eventually } from '../support/eventually.js';
import { openForgetWorld, type ForgetWorld } from './support.js';

/** In no dictionary, and with a letter that every encoding writes in another way. */
const WORD = 'Xylophönfjord';

/** As plain text, as programs that count letters by twos keep it, in JSON and in a URL, and as the text index cuts it. */
const FORMS: readonly Buffer[] = [
  Buffer.from(WORD),
  Buffer.from(WORD, 'latin1'),
  Buffer.from(WORD, 'utf16le'),
  Buffer.from(WORD, 'utf16le').swap16(),
  Buffer.from(WORD.replace('ö', String.raw`\u00f6`)),
  Buffer.from(encodeURIComponent(WORD)),
  Buffer.from('xylophonfjord'),
];

const WARM = '2026-10-05T09:00:00';
const COLD = '2026-01-05T09:00:00';

const PROJECT: ForgetScope = { scope: 'project', project: 'p', systemId: null };
const SYSTEM: ForgetScope = { scope: 'system', systemId: 'a' };
const UNFINISHED = `${uploadPrefix({ systemId: 'a', uploadId: '20261122_090000_0a1b2c3d' })}reflection.duckdb`;

it.each([
  ['a project', PROJECT, 3],
  ['a system', SYSTEM, 2],
])(
  'of %s nothing stands in a file or an object, in no form, nor in a row of one',
  async (_, scope, indexed) => {
    const world = await openForgetWorld({ vectorIndexBytes: 2 ** 24 });
    onTestFinished(() => world.close());
    // That a project is forgotten, and by which name, its tombstone tells for good.
    await fill(world, scope.scope === 'system' ? WORD : 'p');
    if (scope.scope === 'system') await world.uploads.put(UNFINISHED, WORD);
    const files = await filesWith(world);
    for (const place of ['store/catalog.db', 'store/hot.duckdb', 'objects/systems/a/uploads'])
      expect([place, files.some((file) => file.startsWith(place))]).toEqual([place, true]);
    const rows = await rowsWith(world);
    for (const place of [
      'hot.duckdb',
      'warm.duckdb',
      '.damaged-',
      'cache/cold',
      'archive/journal',
      'archive/cold',
    ])
      expect([place, rows.some((file) => file.includes(place))]).toEqual([place, true]);

    await world.forgetAll(scope);

    expect(await filesWith(world)).toEqual([]);
    expect(await rowsWith(world)).toEqual([]);
    expect(await world.texts('b')).toHaveLength(3);
    expect(await world.store.vectorIndexes()).toMatchObject([{ state: 'ready', rows: indexed }]);
    expect(await readdir(join(world.folder, 'index'))).toEqual([`${EMBEDDING_MODEL}.vectors`]);
  },
);

/** Both in every place that there is, and of a row that was deleted what its table keeps. */
async function fill(world: ForgetWorld, project: string): Promise<void> {
  const of = { project };
  await world.upload('a', [
    { id: '1', text: `${WORD} hot`, ...of },
    { id: '2', text: `${WORD} warm`, at: WARM, ...of },
    { id: '3', text: `${WORD} cold`, at: COLD, ...of },
    { id: '4', text: `${WORD} that moved`, ...of },
    { id: '5', text: 'stays hot' },
    { id: '6', text: 'stays cold', at: COLD },
  ]);
  await world.upload('b', [
    { id: '1', text: 'stays hot' },
    { id: '2', text: 'stays warm', at: WARM },
    { id: '3', text: 'stays cold', at: COLD },
  ]);
  await makeVectors(world);
  await world.age('2026-11-22T12:00:00Z');
  const memories = [{ systemId: 'a', kind: 'conversation' as const, memoryId: '4' }];
  await moveChosen(world.forget, { selection: { memories }, from: 'hot', to: 'warm', after: null });
  await sweep(world.forget);
  await sweep({ ...world.forget, now: () => Date.now() + 1_000 });
  await eventually(async () =>
    expect(await world.store.vectorIndexes()).toMatchObject([{ state: 'ready', rows: 6 }]),
  );
  await world.store.checkpoint();
  await copyFile(join(world.folder, 'store/hot.duckdb'), join(world.folder, 'store/hot.duckdb.damaged-1'));
}

async function makeVectors({ store }: ForgetWorld): Promise<void> {
  const { texts } = await store.waitingTexts(EMBEDDING_MODEL, FIRST_WAITING, 100);
  const vectorOf = (rowId: number): Float32Array =>
    Float32Array.from({ length: EMBEDDING_DIMENSIONS }, (_, i) => Math.sin(rowId + i * i));
  await store.keepVectors(
    EMBEDDING_MODEL,
    texts.map(({ rowId }) => ({ rowId, vector: vectorOf(rowId) })),
  );
}

async function filesUnder(folder: string): Promise<string[]> {
  const found = await readdir(folder, { recursive: true, withFileTypes: true });
  return found.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
}

/** Files with the word in any of its forms, by their paths in the world's folder. */
async function filesWith({ folder }: ForgetWorld): Promise<string[]> {
  const found: string[] = [];
  for (const file of await filesUnder(folder)) {
    const bytes = await readFile(file);
    const content = file.endsWith('.gz') ? gunzipSync(bytes) : bytes;
    if (FORMS.some((form) => content.includes(form))) found.push(relative(folder, file));
  }
  return found;
}

/** Parquet files and databases with a row that has it, whatever their compression makes of it; read in a copy of all. */
async function rowsWith({ folder }: ForgetWorld): Promise<string[]> {
  const copy = await temporaryFolder();
  await cp(folder, copy, { recursive: true });
  const files = await filesUnder(copy);
  return withDuckDB(async (connection) => {
    const holding = async (from: string): Promise<boolean> => {
      const sql = `SELECT count(*) FROM ${from} WHERE content LIKE '%${WORD}%'`;
      return Number((await connection.runAndReadAll(sql)).getRows()[0]?.[0]) > 0;
    };
    const found: string[] = [];
    for (const file of files.filter((name) => name.endsWith('.parquet')))
      if (await holding(`read_parquet('${file}', hive_partitioning = false)`))
        found.push(relative(copy, file));
    for (const file of files.filter((name) => /store\/\w+\.duckdb(\.damaged-\d+)?$/.test(name))) {
      await connection.run(`ATTACH '${file}' AS tier`);
      const tables = await connection.runAndReadAll(
        `SELECT table_name FROM duckdb_tables() WHERE database_name = 'tier'`,
      );
      for (const [table] of tables.getRows())
        if (await holding(`tier.main.${String(table)}`)) found.push(relative(copy, file));
      await connection.run('DETACH tier');
    }
    return found;
  });
}

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { findDatabases } from '../../src/upload/index.js';
import { temporaryFolder } from '../reader/support.js';

it('takes what a star finds in a folder, by name, and each file once', async () => {
  const folder = await temporaryFolder();
  const files = ['graph_b.duckdb', 'graph_a.duckdb', 'graph_a.duckdb.wal', 'graph.duckdb', 'xgraph_c.duckdb'];
  for (const name of files) await writeFile(join(folder, name), '');
  await mkdir(join(folder, 'graph_folder.duckdb'));
  const inFolder = (...names: string[]): string[] => names.map((name) => join(folder, name));
  expect(await findDatabases(inFolder('graph_a.duckdb', 'missing.duckdb', 'graph_*.duckdb'))).toEqual(
    inFolder('graph_a.duckdb', 'missing.duckdb', 'graph_b.duckdb'),
  );
  expect(await findDatabases(inFolder('*_a.*'))).toEqual(inFolder('graph_a.duckdb', 'graph_a.duckdb.wal'));
  // A dot stands for a dot.
  expect(await findDatabases(inFolder('graph_a?duckd*'))).toEqual([]);
});

it('finds nothing in a folder that is not there', async () => {
  expect(await findDatabases(['/nowhere/at/all/*.duckdb'])).toEqual([]);
});

import { expect, it } from 'vitest';
import { nameDatabases } from '../../src/upload/file-names.js';

const names = (...paths: string[]) => nameDatabases(paths).map(({ name }) => name);

it('keeps a plain name', () => {
  expect(names('/a/reflection.duckdb', '/a/knowledge_graph.duckdb')).toEqual([
    'reflection.duckdb',
    'knowledge_graph.duckdb',
  ]);
});

it('tells databases of one name apart, also where case does not count', () => {
  expect(names('/a/x.duckdb', '/b/x.duckdb', '/c/X.duckdb', '/d/x-2.duckdb')).toEqual([
    'x.duckdb',
    'x-2.duckdb',
    'X-3.duckdb',
    'x-2-2.duckdb',
  ]);
});

it('takes a path listed twice for one database', () => {
  expect(nameDatabases(['/a/x.duckdb', '/a/./b/../x.duckdb'])).toEqual([
    { path: '/a/x.duckdb', name: 'x.duckdb' },
  ]);
});

it.each([
  ['spaces and quotes', `/a/my "data'base.duckdb`, 'my__data_base.duckdb'],
  ['another script', '/a/日本.duckdb', '__.duckdb'],
  ['control characters', '/a/x\n\0y.duckdb', 'x__y.duckdb'],
  ['double dots', '/a/x..y...duckdb', 'x.y.duckdb'],
  ['a leading dot', '/a/.hidden.duckdb', 'hidden.duckdb'],
  ['a leading dash', '/a/-rf', 'rf'],
  ['nothing but dots and dashes', '/a/-.-.', 'database'],
  ['the name of the manifest', '/a/manifest.json', 'manifest-2.json'],
  ['the name of the receipt', '/a/Receipt.json', 'Receipt-2.json'],
  ['the name of the outbox state', '/a/upload.json', 'upload-2.json'],
  ['the name of a log', '/a/x.duckdb.wal', 'x.duckdb.wal.duckdb'],
  ['a backslash', '/a/..\\..\\x', '_._x'],
])('makes a safe name of %s', (_what, path, name) => {
  expect(names(path)).toEqual([name]);
});

it('cuts a long name and keeps its extension', () => {
  const [name] = names(`/a/${'x'.repeat(250)}.duckdb`);
  expect(name).toHaveLength(200);
  expect(name).toMatch(/^x+\.duckdb$/);
});

import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import type { ReaderPool } from '../../src/reader/index.js';
import { query } from '../support/databases.js';
import { openPool, readOne, sharedPool, temporaryFolder, UPLOADED } from './support.js';

const pool = sharedPool();

const VECTOR = Array.from({ length: 384 }, (_, at) => (at === 0 ? 0.5 : 0.25));

async function exportBytes(
  bytes: string | Uint8Array,
  name = 'memories.json',
  reader = pool(),
  timeZone = 'UTC',
) {
  const scratch = await temporaryFolder();
  const stored = join(scratch, name);
  await writeFile(stored, bytes);
  const output = join(scratch, 'out.parquet');
  const result = await readOne(reader, { stored, output, timeZone });
  expect((await readdir(scratch)).sort()).toEqual([name, 'out.parquet'].sort());
  return { result, output, rows: await query(`FROM '${output}' ORDER BY memory_id`) };
}

const exportItems = (...items: unknown[]) => exportBytes(JSON.stringify({ conversations: items }));

async function fault(bytes: string | Uint8Array, reader?: ReaderPool): Promise<unknown> {
  return exportBytes(bytes, 'memories.json', reader).catch((error: unknown) => error);
}

it('every field of a conversation is kept', async () => {
  const { result, rows } = await exportItems({
    id: 'a',
    content: 'text "quoted" 日本 \u2028 \u0000 end',
    embedding: VECTOR,
    timestamp: '2026-11-01T10:00:00.123456',
    source: 'session-buddy',
    metadata: { project: 'p', tags: ['x', 'y'], nested: { deep: [1] } },
  });
  expect(result).toMatchObject({
    rows: { conversation: 1 },
    skipped: { conversation: 0 },
    refused: {},
    reader: 'akosha-json 1',
  });
  expect(rows).toMatchObject([
    {
      kind: 'conversation',
      memory_id: 'a',
      content: 'text "quoted" 日本 \u2028 \u0000 end',
      project: 'p',
      tags: ['x', 'y'],
      own_time: '2026-11-01 10:00:00.123456',
      embedding: VECTOR,
    },
  ]);
  expect(JSON.parse(String(rows[0]?.['fields']))).toEqual({
    id: 'a',
    timestamp: '2026-11-01T10:00:00.123456',
    source: 'session-buddy',
    metadata: '{"project":"p","tags":["x","y"],"nested":{"deep":[1]}}',
  });
});

it('metadata stays the text it is, with numbers that JavaScript cannot hold and prototype keys', async () => {
  const metadata =
    '{ "n": 123456789012345678901, "nan": NaN, "__proto__": {"project": "stolen"}, "a": "\\ud800" }';
  const json = `{"conversations": [{"id": "a", "content": "x", "metadata": {}, "metadata" : ${metadata} }]}`;
  const { rows } = await exportBytes(json);
  expect(JSON.parse(String(rows[0]?.['fields']))).toMatchObject({ metadata });
  expect(rows[0]).toMatchObject({ project: null, tags: null });
});

it('a time with a zone is an instant, one without the writer’s clock, and any other none', async () => {
  const times: [string, unknown, string][] = [
    ['offset', '2026-11-01T10:00:00+05:30', '2026-11-01 04:30:00'],
    ['short offset', '2026-11-01 10:00:00-08', '2026-11-01 18:00:00'],
    ['Z', '2026-11-01T10:00:00.5Z', '2026-11-01 10:00:00.5'],
    ['day', '2026-11-01', '2026-10-31 15:00:00'],
    ['bare', '2026-11-01T10:00:00', '2026-11-01 01:00:00'],
    ['word', 'yesterday', UPLOADED],
    ['number', 1_760_000_000, UPLOADED],
    ['nothing', undefined, UPLOADED],
  ];
  const items = times.map(([id, timestamp]) => ({ id, content: 'x', timestamp }));
  const json = JSON.stringify({ conversations: items });
  const { rows } = await exportBytes(json, 'memories.json', pool(), 'Asia/Tokyo');
  const found = rows.map((row) => [row['memory_id'], row['own_time']]);
  const expected = times.map(([id, , time]) => [id, time]);
  expect(found.sort()).toEqual(expected.sort());
});

it('a vector of zeros, of another length or of what are no numbers is missing', async () => {
  const vectors = [
    Array<number>(384).fill(0),
    Array<number>(384).fill(1e-60),
    VECTOR.slice(1),
    [...VECTOR.slice(1), '1'],
    [...VECTOR.slice(1), 1e300],
    null,
    {},
  ];
  const { rows } = await exportItems(
    ...vectors.map((embedding, at) => ({ id: String(at), content: 'x', embedding })),
  );
  expect(rows.map((row) => row['embedding'])).toEqual(vectors.map(() => null));
});

it('a vector with NaN, as Python writes it, is missing, and the text kept', async () => {
  const { rows } = await exportBytes(
    `{"conversations": [{"id": "a", "content": "NaN \\"Infinity\\"", "embedding": [NaN, -Infinity]}]}`,
  );
  expect(rows).toMatchObject([{ content: 'NaN "Infinity"', embedding: null }]);
});

it('ids are made of what a conversation says: the same in every reading, and two for two', async () => {
  const items = [
    { content: 'x' },
    { content: 'x', timestamp: '2026-11-01T10:00:00' },
    { content: 'x', source: 's' },
    { content: 'x', metadata: { a: 1 } },
    { id: null, content: 'y' },
  ];
  const first = await exportItems(...items);
  const again = await exportItems(...items.toReversed());
  const ids = first.rows.map((row) => row['memory_id']);
  expect(new Set(ids).size).toBe(items.length);
  expect(ids.every((id) => /^content-[0-9a-f]{32}$/.test(String(id)))).toBe(true);
  expect(again.rows).toEqual(first.rows);
});

it('of an id that stands twice the one of the smaller content hash is kept, whichever comes first', async () => {
  const items = ['one', 'two', 'three'].map((content) => ({ id: 'a', content }));
  const readings = await Promise.all([exportItems(...items), exportItems(...items.toReversed())]);
  const all = await exportItems(...items.map(({ content }) => ({ id: content, content })));
  const [smallest] = all.rows.toSorted((a, b) => (String(a['hash']) < String(b['hash']) ? -1 : 1));
  for (const { result, rows } of readings) {
    // All were read, and none was refused.
    expect(result).toMatchObject({ rows: { conversation: 3 }, skipped: { conversation: 0 }, refused: {} });
    expect(rows).toMatchObject([
      { memory_id: 'a', content: smallest?.['content'], hash: smallest?.['hash'] },
    ]);
  }
});

it('what cannot be a conversation is refused with its reason, and the rest kept', async () => {
  const { result, rows } = await exportBytes(
    Buffer.concat([
      Buffer.from(`\ufeff {"version": [1, {"a": "]"}], "conversations": [7, null, [], "text", {}, {"content": ""}, {"content": 7},
        {"id": "", "content": "x"}, {"id": 1.5, "content": "x"}, {"id": {}, "content": "x"}, {"id": "a\\u0000", "content": "x"},
        {"id": "sound", "content": "\\ud83d\\ude00"}, {"id": "half", "content": "\\ud83d"}, {"id": 12, "content": "number"},
        {"content": tru}, {"__proto__": {"content": "x"}}, {"content": "`),
      Buffer.from([0xff]),
      Buffer.from(`"}, {"id": "last", "content": "\\\\"}], "more": "\\"}"} \n`),
    ]),
  );
  expect(rows.map((row) => [row['memory_id'], row['content']])).toEqual([
    ['12', 'number'],
    ['last', '\\'],
    ['sound', '😀'],
  ]);
  expect(result).toMatchObject({ rows: { conversation: 3 }, skipped: { conversation: 15 } });
  expect(result.refused).toEqual({
    'not an object': 4,
    'no text in content': 5,
    'id that cannot be one': 4,
    'not JSON in UTF-8': 2,
  });
});

it('20,000 conversations, and the longest text there may be, fit in a reader of 128 MiB', async () => {
  const longest = { id: 'longest', content: '"'.repeat(4 * 1024 ** 2) + 'é'.repeat(6 * 1024 ** 2) };
  const items = Array.from({ length: 20_000 }, (_, at) => ({
    id: `c${at}`,
    content: `text ${at}`,
    embedding: [at],
  }));
  const reader = openPool({ memoryLimitMb: 128 });
  const { result } = await exportBytes(
    JSON.stringify({ conversations: [longest, ...items] }),
    'memories.json',
    reader,
  );
  expect(result).toMatchObject({ rows: { conversation: 20_001 }, refused: {} });
});

it('gzip of it reads the same, whatever the suffix', async () => {
  const bytes = gzipSync(JSON.stringify({ conversations: [{ content: 'x' }] }));
  const bare = await exportBytes(bytes);
  const named = await exportBytes(bytes, 'memories.json.gz');
  expect(bare.rows).toHaveLength(1);
  expect(named.rows).toEqual(bare.rows);
  expect(named.result.rawBytes).toBe('{"conversations":[{"content":"x"}]}'.length);
});

it('an empty list is an export of no rows', async () => {
  const { result, rows } = await exportItems();
  expect({ rows, result }).toMatchObject({ rows: [], result: { rows: { conversation: 0 } } });
});

it.each([
  ['no JSON', 'hello', 'is not JSON: "{" expected at byte 0'],
  [
    'JSON cut short',
    '{"conversations": [{"content": "x"}',
    'is not JSON: ends at byte 35, where "," or "]" was expected',
  ],
])('%s is refused as a whole', async (_what, bytes, rule) => {
  expect(await fault(bytes)).toMatchObject({
    type: 'UploadUnreadable',
    message: `memories.json ${rule}`,
    details: { file: 'memories.json', rule },
  });
});

it('more rows than the limit on bytes allows are not read to their end', async () => {
  const many = `{"conversations": [${'0,'.repeat(1_000_000)}`;
  const small = openPool({ maxUploadBytes: 10_000_000 });
  expect(await fault(many, small)).toMatchObject({
    type: 'UploadUnreadable',
    message: expect.stringMatching(
      /^memories.json has 9766 rows or more, which come to more than 10000000 bytes/,
    ),
  });
});

import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Field, FixedSizeList, Float32, makeData, Table, Utf8, vectorFromArray, Vector } from 'apache-arrow';
import { Index, connect, rerankers } from '@lancedb/lancedb';
import { withDuckDB } from '../synthetic.mjs';

const DIMENSIONS = 384;
/** Rows that pass through JavaScript at a time: 15 MB of vectors. */
const CHUNK = 10_000;

/**
 * The rows of `database` (a table `conversations` of id, content, embedding and timestamp) as a LanceDB table in `folder`, with the indexes that its documentation
 * advises: HNSW over scalar-quantised vectors by cosine, words by BM25. Returns searches for the best `limit`: by vector, by words, and by both with its own
 * reciprocal rank fusion.
 */
export async function openLance(folder, database, { where, limit }) {
  const db = await connect(join(folder, 'lancedb'));
  const table = await fill(db, database, where);
  await table.createIndex('vector', { config: Index.hnswSq({ distanceType: 'cosine' }) });
  await table.createIndex('content', { config: Index.fts() });
  await indexed(table, ['vector_idx', 'content_idx']);
  const reranker = await rerankers.RRFReranker.create();
  const columns = ['id', 'content'];
  return {
    rows: await table.countRows(),
    // With the score that it gives by default, which it warns of where columns are named without it.
    vector: ({ vector }) =>
      table
        .query()
        .nearestTo(vector)
        .limit(limit)
        .select([...columns, '_distance'])
        .toArray(),
    words: ({ text }) =>
      table
        .query()
        .fullTextSearch(text)
        .limit(limit)
        .select([...columns, '_score'])
        .toArray(),
    both: ({ text, vector }) =>
      table
        .query()
        .nearestTo(vector)
        .fullTextSearch(text)
        .rerank(reranker)
        .limit(limit)
        .select(columns)
        .toArray(),
  };
}

async function fill(db, database, where) {
  return withDuckDB(database, async (connection) => {
    const result = await connection.stream(`SELECT id, content, embedding FROM conversations WHERE ${where}`);
    let table;
    let rows = [];
    const flush = async () => {
      const part = tableOf(rows);
      rows = [];
      if (table === undefined) table = await db.createTable('memories', part);
      else await table.add(part);
    };
    for await (const part of result.yieldRowsJs()) {
      rows.push(...part);
      if (rows.length >= CHUNK) await flush();
    }
    if (rows.length > 0) await flush();
    return table;
  });
}

function tableOf(rows) {
  const values = new Float32Array(rows.length * DIMENSIONS);
  rows.forEach(([, , embedding], i) => values.set(embedding, i * DIMENSIONS));
  const type = new FixedSizeList(DIMENSIONS, new Field('item', new Float32()));
  const child = makeData({ type: new Float32(), data: values });
  return new Table({
    id: vectorFromArray(
      rows.map(([id]) => id),
      new Utf8(),
    ),
    content: vectorFromArray(
      rows.map(([, content]) => content),
      new Utf8(),
    ),
    vector: new Vector([makeData({ type, length: rows.length, child })]),
  });
}

/** Indexes are made in the background. */
async function indexed(table, names) {
  for (const name of names) {
    for (;;) {
      const stats = await table.indexStats(name);
      if (stats !== undefined && stats.numUnindexedRows === 0) break;
      await sleep(200);
    }
  }
}

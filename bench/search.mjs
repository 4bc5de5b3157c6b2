/**
 * How long search takes: p50 and p99 over made-up memories in all three tiers, which came there by upload, ingest and tier
 * transition. Beside it, in the same run, what the original Akosha does: cosine over one FLOAT[384] table, and LIKE.
 *
 *   node bench/search.mjs --rows 10000 [--queries 100]
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { arrayValue } from '@duckdb/node-api';
import { search } from '../dist/search/index.js';
import { openBench, printTable } from './support.mjs';
import { drawQueries, withDuckDB, writeDatabase, writeOriginal } from './synthetic.mjs';

/** A host that has been used for years. */
const ROWS_PER_HOST = 10_000;
const WARM_UP = 5;
const LIMIT = 10;

const { values } = parseArgs({ options: { rows: { type: 'string' }, queries: { type: 'string' } } });
const rows = Number(values.rows ?? 10_000);
const queries = Number(values.queries ?? 100);

const bench = await openBench();
try {
  const hosts = Array.from({ length: Math.ceil(rows / ROWS_PER_HOST) }, (_, i) =>
    join(bench.folder, `host-${i}.duckdb`),
  );
  const original = join(bench.folder, 'original.duckdb');
  await timed(`made ${rows} memories of ${hosts.length} hosts`, async () => {
    for (const [i, host] of hosts.entries()) {
      await writeDatabase(
        host,
        Math.min(ROWS_PER_HOST, rows - i * ROWS_PER_HOST),
        (i + 1) / (hosts.length + 1),
      );
    }
    await writeOriginal(original, hosts);
  });
  await timed('uploaded and ingested them', async () => {
    for (const [i, host] of hosts.entries()) await bench.ingest(`host-${i}`, [host]);
  });
  await timed('moved them to their tiers', () => bench.age());
  const tiers = await bench.store.countTiers();
  console.log(
    Object.entries(tiers)
      .map(([tier, counts]) => `${tier} ${counts.rows}`)
      .join(', '),
  );
  await compare(original, await drawQueries(original, queries));
} finally {
  await bench.close();
}

async function compare(original, asked) {
  await withDuckDB(original, async (connection) => {
    const table = [['mode', 'p50 ms', 'p99 ms', 'original p50', 'original p99', 'ratio of p50']];
    for (const [mode, ours, theirs] of [
      ['vector', searchVector, originalVector],
      ['words', searchWords, originalWords],
      ['vector+words', searchBoth, originalBoth],
    ]) {
      const mine = await measure(asked, ours);
      const other = await measure(asked, (query) => theirs(connection, query));
      const cells = [mine.p50, mine.p99, other.p50, other.p99].map((ms) => ms.toFixed(1));
      table.push([mode, ...cells, (mine.p50 / other.p50).toFixed(2)]);
    }
    printTable(table);
  });
}

/** The vector is given: the model's own time, some 10 ms, depends on neither rows nor tiers. */
function ask(text, vector) {
  const embedder =
    vector === undefined
      ? undefined
      : {
          embedQuery: () => Promise.resolve({ model: 'all-MiniLM-L6-v2', values: vector }),
        };
  return search({ store: bench.store, embedder, timeoutMs: 60_000 }, { text, limit: LIMIT });
}

async function searchBoth({ text, vector }) {
  complete(await ask(text, vector));
}

async function searchWords({ text }) {
  complete(await ask(text, undefined));
}

/** A query without letters or digits has no words. */
async function searchVector({ vector }) {
  complete(await ask('?', vector));
}

function complete({ partial, results }) {
  if (partial.length > 0 || results.length === 0) throw new Error(`incomplete: ${JSON.stringify(partial)}`);
}

async function originalVector(connection, { vector }) {
  await connection.runAndReadAll(
    `SELECT id, content, array_cosine_similarity(embedding, $vector::FLOAT[384]) AS similarity FROM conversations
     ORDER BY similarity DESC LIMIT ${LIMIT}`,
    { vector: arrayValue([...vector]) },
  );
}

async function originalWords(connection, { text }) {
  const words = text.split(' ');
  const hits = words.map((_, i) => `content LIKE $word${i}`);
  await connection.runAndReadAll(
    `SELECT id, content, ${hits.map((hit) => `(${hit})::INTEGER`).join(' + ')} AS hits FROM conversations
     WHERE ${hits.join(' OR ')} ORDER BY hits DESC LIMIT ${LIMIT}`,
    Object.fromEntries(words.map((word, i) => [`word${i}`, `%${word}%`])),
  );
}

async function originalBoth(connection, query) {
  await originalVector(connection, query);
  await originalWords(connection, query);
}

async function measure(asked, run) {
  for (const query of asked.slice(0, WARM_UP)) await run(query);
  const times = [];
  for (const query of asked) {
    const started = performance.now();
    await run(query);
    times.push(performance.now() - started);
  }
  times.sort((a, b) => a - b);
  return { p50: percentile(times, 0.5), p99: percentile(times, 0.99) };
}

function percentile(sorted, share) {
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)];
}

async function timed(what, work) {
  const started = performance.now();
  await work();
  console.log(`${what} in ${((performance.now() - started) / 1000).toFixed(1)} s`);
}

/**
 * How long search takes, over hot and warm and over all tiers: p50 and p99 of one caller, queries a second of eight, CPU time a query,
 * and recall@10 of the vectors. The made-up memories came by upload, ingest and tier transition. Beside it, in the same run, what the original
 * Akosha does: cosine over one FLOAT[384] table, and LIKE.
 *
 *   node bench/search.mjs --rows 10000 [--queries 100] [--days 400]
 *
 * With 97 days nearly all of them are hot and warm.
 */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { arrayValue } from '@duckdb/node-api';
import { search } from '../dist/search/index.js';
import { openBench, NOW, printTable } from './support.mjs';
import { DAYS, drawQueries, withDuckDB, writeDatabase, writeOriginal } from './synthetic.mjs';

/** A host that has been used for years. */
const ROWS_PER_HOST = 10_000;
const WARM_UP = 5;
const LIMIT = 10;
const MODEL = 'all-MiniLM-L6-v2';

/** As many as ask at once in the second measure. */
const CALLERS = 8;

const option = { type: 'string' };
const { values } = parseArgs({ options: { rows: option, queries: option, days: option } });
const rows = Number(values.rows ?? 10_000);
const queries = Number(values.queries ?? 100);
const days = Number(values.days ?? DAYS);

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
        days,
      );
    }
    await writeOriginal(original, hosts);
  });
  await timed('uploaded and ingested them', async () => {
    for (const [i, host] of hosts.entries()) await bench.ingest(`host-${i}`, [host]);
  });
  await timed('moved them to their tiers', () => bench.age());
  await timed('made the vector index', indexReady);
  const tiers = await bench.store.countTiers();
  console.log(
    Object.entries(tiers)
      .map(([tier, counts]) => `${tier} ${counts.rows}`)
      .join(', '),
  );
  const asked = await drawQueries(original, queries);
  await withDuckDB(original, async (connection) => {
    await compareTimes(connection, asked);
    await compareRecall(connection, asked);
  });
} finally {
  await bench.close();
}

/** Until all vectors are in its graph: before that a search compares with each that is not. */
async function indexReady() {
  for (;;) {
    const [index] = await bench.store.vectorIndexes();
    if (index?.state === 'ready' && index.waiting === 0 && index.behind === 0) return;
    if (index?.reason) throw new Error(index.reason);
    await sleep(500);
  }
}

async function compareTimes(connection, asked) {
  const table = [['', 'p50 ms', 'p99 ms', 'CPU ms', `${CALLERS} callers, a second`]];
  const add = async (name, run) => {
    const alone = await measure(asked, run, 1);
    const together = await measure(asked, run, CALLERS);
    table.push([name, ...[alone.p50, alone.p99, alone.cpu, together.rate].map((value) => value.toFixed(1))]);
  };
  for (const [where, tiers] of [
    ['hot and warm', ['hot', 'warm']],
    ['all tiers', ['hot', 'warm', 'cold']],
  ]) {
    await add(`${where}, vector`, ({ vector }) => complete('?', vector, tiers));
    await add(`${where}, words`, ({ text }) => complete(text, undefined, tiers));
    await add(`${where}, vector+words`, ({ text, vector }) => complete(text, vector, tiers));
  }
  await add('original, vector', (query) => originalVector(connection, query));
  await add('original, words', (query) => originalWords(connection, query));
  await add('original, vector+words', (query) => originalBoth(connection, query));
  table.push(['original, as it was recorded', '166', '220', '', '5.8']);
  printTable(table);
}

/** Of the ten that an exact comparison finds best, the share that the vectors of hot and warm find. */
async function compareRecall(connection, asked) {
  const day = 86_400_000;
  const oldest = NOW - 90 * day;
  const spans = { 1: 90 * day, 0.5: 45 * day, 0.01: 0.9 * day, 0.0001: 0.009 * day };
  const table = [['filter on own time that keeps', 'recall@10']];
  for (const [share, span] of Object.entries(spans).sort(([a], [b]) => b - a)) {
    const filters = { tiers: ['hot', 'warm'], since: Math.round(oldest), until: Math.round(oldest + span) };
    let found = 0;
    let best = 0;
    for (const { vector } of asked) {
      const exact = await exactBest(connection, vector, filters);
      const query = { model: MODEL, values: vector };
      const parts = await Promise.all(
        filters.tiers.map((tier) => bench.store.searchVectors(tier, query, filters, LIMIT)),
      );
      const ours = parts.flat().sort((a, b) => b.score - a.score);
      const ids = new Set(ours.slice(0, LIMIT).map(({ memoryId }) => memoryId));
      best += exact.length;
      found += exact.filter((id) => ids.has(id)).length;
    }
    table.push([`${Number(share) * 100} %`, best === 0 ? 'nothing passes' : (found / best).toFixed(4)]);
  }
  printTable(table);
}

async function exactBest(connection, vector, { since, until }) {
  const reader = await connection.runAndReadAll(
    `SELECT id FROM conversations WHERE timestamp >= make_timestamp(${since * 1000}) AND timestamp < make_timestamp(${until * 1000})
     ORDER BY array_cosine_similarity(embedding, $vector::FLOAT[384]) DESC LIMIT ${LIMIT}`,
    { vector: arrayValue([...vector]) },
  );
  return reader.getRowObjectsJS().map(({ id }) => id);
}

/**
 * A query without letters or digits has no words. The vector is given: the model's own time, some 10 ms, depends on neither rows nor tiers.
 */
async function complete(text, vector, tiers) {
  const embedder =
    vector === undefined
      ? undefined
      : { embedQuery: () => Promise.resolve({ model: MODEL, values: vector }) };
  const context = { store: bench.store, embedder, timeoutMs: 60_000 };
  const { partial, results } = await search(context, { text, limit: LIMIT, tiers });
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

/** `callers` at once, each with the next query when it has its answer. */
async function measure(asked, run, callers) {
  for (const query of asked.slice(0, WARM_UP)) await run(query);
  const waiting = [...asked];
  const times = [];
  const began = process.cpuUsage();
  const begun = performance.now();
  const caller = async () => {
    for (let query = waiting.pop(); query !== undefined; query = waiting.pop()) {
      const started = performance.now();
      await run(query);
      times.push(performance.now() - started);
    }
  };
  await Promise.all(Array.from({ length: callers }, caller));
  const { user, system } = process.cpuUsage(began);
  times.sort((a, b) => a - b);
  return {
    p50: percentile(times, 0.5),
    p99: percentile(times, 0.99),
    cpu: (user + system) / 1000 / asked.length,
    rate: (asked.length * 1000) / (performance.now() - begun),
  };
}

function percentile(sorted, share) {
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)];
}

async function timed(what, work) {
  const started = performance.now();
  await work();
  console.log(`${what} in ${((performance.now() - started) / 1000).toFixed(1)} s`);
}

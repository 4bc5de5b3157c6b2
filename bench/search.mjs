/**
 * How long search takes, over hot and warm and over all tiers: p50 and p99 of one caller, CPU time a query, and queries a second of eight callers, for queries
 * whose texts nobody asked for before and for the same once more; recall@10 of the vectors. The made-up memories came by upload, ingest and tier transition. Beside
 * it, in the same run, on the rows of hot and warm: what the original Akosha does (cosine over one FLOAT[384] table, and LIKE), and LanceDB.
 *
 *   npm install --prefix bench/lancedb
 *   node bench/search.mjs --rows 10000 [--queries 100] [--recall-queries 100] [--days 400] [--hosts 1] [--without-lancedb]
 *
 * With 97 days nearly all of them are hot and warm.
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { arrayValue } from '@duckdb/node-api';
import { search } from '../dist/search/index.js';
import { openBench, NOW, POLICY, printTable } from './support.mjs';
import { DAYS, drawQueries, withDuckDB, writeDatabase, writeOriginal } from './synthetic.mjs';

/** A host that has been used for years. */
const ROWS_PER_HOST = 10_000;
const LIMIT = 10;
/** As a search for so many asks each tier for. */
const CANDIDATES = 50;
/** Memories that come before the next transition. */
const MOVED_AT = 200_000;
/** Asked first of each kind: code that is not compiled yet is no part of what is measured. */
const WARM_UP = 20;
const MODEL = 'all-MiniLM-L6-v2';

/** Ours by three selections, the original's and LanceDB's, each by vector, by words and by both. */
const KINDS = 15;
const DAY = 86_400_000;
/** Of the original's table the rows that the tiers beside it hold; to the minute, because a day's rows move together. */
const HOT_AND_WARM = `timestamp >= make_timestamp(${(NOW - POLICY.warmDays * DAY) * 1000})`;

/** As many as ask at once in the second measure. */
const CALLERS = 8;

const option = { type: 'string' };

const { values } = parseArgs({
  options: {
    rows: option,
    queries: option,
    'recall-queries': option,
    days: option,
    hosts: option,
    'without-lancedb': { type: 'boolean', default: false },
  },
});
const rows = Number(values.rows ?? 10_000);
const queries = Number(values.queries ?? 100);
const days = Number(values.days ?? DAYS);

const bench = await openBench();
try {
  const perHost = Math.ceil(rows / (values.hosts ?? Math.ceil(rows / ROWS_PER_HOST)));
  const hosts = Array.from({ length: Math.ceil(rows / perHost) }, (_, i) =>
    join(bench.folder, `host-${i}.duckdb`),
  );
  const original = join(bench.folder, 'original.duckdb');
  await timed(`made ${rows} memories of ${hosts.length} hosts`, async () => {
    for (const [i, host] of hosts.entries()) {
      await writeDatabase(host, Math.min(perHost, rows - i * perHost), (i + 1) / (hosts.length + 1), days);
    }
    await writeOriginal(original, hosts);
  });
  await fillStore(hosts, perHost);
  await timed('made the vector index', () => bench.indexReady());
  await printStore();
  // Each kind of search has its own, so that none finds what another one read.
  const asked = await drawQueries(original, queries * KINDS + WARM_UP);
  await withDuckDB(original, async (connection) => {
    await connection.run(`DELETE FROM conversations WHERE NOT (${HOT_AND_WARM})`);
    await compareTimes(connection, asked, values['without-lancedb'] ? undefined : await timedLance(original));
    await compareRecall(connection, asked.slice(0, Number(values['recall-queries'] ?? queries)));
  });
} finally {
  await bench.close();
}

/** As a server does day by day: what is old is moved before more comes, so that the vector index never has to hold all. */
async function fillStore(hosts, perHost) {
  let [ingest, move, unmoved] = [0, 0, 0];
  for (const [i, host] of hosts.entries()) {
    ingest += await bench.ingest(`host-${i}`, [host]);
    unmoved += perHost;
    if (unmoved < MOVED_AT && i < hosts.length - 1) continue;
    const started = performance.now();
    await bench.age();
    move += (performance.now() - started) / 1000;
    unmoved = 0;
  }
  console.log(`ingested them in ${ingest.toFixed(1)} s, one upload after the other`);
  console.log(`moved them to their tiers in ${move.toFixed(1)} s`);
}

/** What it takes: bytes of each tier, memory, and the time until a server that is started again has its index. */
async function printStore() {
  const objects = await countColdObjects();
  const table = [['', 'memories', 'MB', 'bytes a memory', 'objects', 'memories an object']];
  for (const [tier, { rows: memories, bytes }] of Object.entries(await bench.store.countTiers())) {
    const perObject = tier === 'cold' ? [objects, (memories / Math.max(1, objects)).toFixed(0)] : ['', ''];
    table.push([
      tier,
      memories,
      (bytes / 1e6).toFixed(1),
      (bytes / Math.max(1, memories)).toFixed(0),
      ...perObject,
    ]);
  }
  printTable(table);
  await timed('started again, with its index', async () => {
    await bench.reopen();
    await bench.indexReady();
  });
  console.log(`resident ${(process.memoryUsage().rss / 1e6).toFixed(0)} MB, with what made the data`);
}

async function countColdObjects() {
  const names = await readdir(join(bench.folder, 'objects', 'cold'), { recursive: true });
  return names.filter((name) => name.endsWith('.parquet')).length;
}

/** LanceDB with the same rows and its indexes, apart from the connection that the original has. */
async function timedLance(original) {
  // It warns of each query.
  process.env['LANCE_LOG'] ??= 'error';
  const { openLance } = await import('./lancedb/open.mjs');
  let lance;
  await timed('filled LanceDB and made its indexes', async () => {
    lance = await openLance(bench.folder, original, { where: HOT_AND_WARM, limit: LIMIT });
  });
  return lance;
}

async function compareTimes(connection, asked, lance) {
  const header = ['p50 ms', 'p99 ms', 'CPU ms', `${CALLERS} callers, a second`];
  const table = [['', ...header, ...header.map((name) => `again: ${name}`)]];
  const left = [...asked];
  const warmUp = left.splice(0, WARM_UP);
  const [one] = warmUp;
  const cold = () => complete(one.text, one.vector, { tiers: ['cold'] });
  await timed('searched all of cold, none of it on this disk', cold);
  await timed('searched it again', cold);
  const add = async (name, run) => {
    for (const query of warmUp) await run(query);
    const part = left.splice(0, queries);
    const first = await pass(part, run);
    table.push([name, ...first, ...(await pass(part, run))]);
  };
  for (const [where, tiers, more] of [
    ['hot and warm', ['hot', 'warm'], {}],
    ['hot and warm, of one system', ['hot', 'warm'], { systemId: 'host-0' }],
    ['all tiers', ['hot', 'warm', 'cold'], {}],
  ]) {
    const filters = { tiers, ...more };
    await add(`${where}, vector`, ({ vector }) => complete('?', vector, filters));
    await add(`${where}, words`, ({ text }) => complete(text, undefined, filters));
    await add(`${where}, vector+words`, ({ text, vector }) => complete(text, vector, filters));
  }
  await add('original, vector', (query) => originalVector(connection, query));
  await add('original, words', (query) => originalWords(connection, query));
  await add('original, vector+words', (query) => originalBoth(connection, query));
  if (lance !== undefined) {
    await add('LanceDB, vector', lance.vector);
    await add('LanceDB, words', lance.words);
    await add('LanceDB, vector+words', lance.both);
  }
  table.push(['original, as it was recorded', '166', '220', '', '5.8']);
  printTable(table);
}

/** Half of the queries by one caller, the other half by eight. */
async function pass(asked, run) {
  const half = Math.ceil(asked.length / 2);
  const alone = await measure(asked.slice(0, half), run, 1);
  const together = await measure(asked.slice(half), run, CALLERS);
  return [alone.p50, alone.p99, alone.cpu, together.rate].map((value) => value.toFixed(1));
}

/** Of the ten that an exact comparison finds best, the share that the vectors of hot and warm find. */
async function compareRecall(connection, asked) {
  const oldest = NOW - 90 * DAY;
  const spans = { 1: 90 * DAY, 0.5: 45 * DAY, 0.01: 0.9 * DAY, 0.0001: 0.009 * DAY };
  const table = [['filter on own time that keeps', 'recall@10']];
  for (const [share, span] of Object.entries(spans).sort(([a], [b]) => b - a)) {
    const filters = { tiers: ['hot', 'warm'], since: Math.round(oldest), until: Math.round(oldest + span) };
    let found = 0;
    let best = 0;
    for (const { vector } of asked) {
      const exact = await exactBest(connection, vector, filters);
      const query = { model: MODEL, values: vector };
      const parts = await Promise.all(
        filters.tiers.map((tier) => bench.store.searchVectors(tier, query, filters, CANDIDATES)),
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
async function complete(text, vector, filters) {
  const embedder =
    vector === undefined
      ? undefined
      : { embedQuery: () => Promise.resolve({ model: MODEL, values: vector }) };
  const context = { store: bench.store, embedder, timeoutMs: 60_000 };
  const { partial } = await search(context, { text, limit: LIMIT, ...filters });
  if (partial.length > 0) throw new Error(`incomplete: ${JSON.stringify(partial)}`);
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

// Uploads ingested a minute, by the whole program (Temporal, an S3 server, journal, receipts, everything durable), against the loop
// a user would write instead: for each upload, gunzip it, attach it, and upsert its rows into one DuckDB table. And how long an
// upload takes to be searchable while others come, at a steady rate.
//   node bench/ingest.mjs --systems 500 --each 4 --rows 100
//   node bench/ingest.mjs --systems 500 --each 4 --rows 100 --days 7
//   node bench/ingest.mjs --systems 500 --each 4 --rows 100 --rate 10
import { createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { createGunzip } from 'node:zlib';
import Libsql from 'libsql';
import { openObjectStore } from '../dist/objects/index.js';
import { cpuSeconds } from './cpu.mjs';
import { startBucket, withServer } from './server.mjs';
import { printTable } from './support.mjs';
import { withDuckDB } from './synthetic.mjs';
import { makeUploads, postEvent, putFiles, putManifest, someAtOnce } from './uploads.mjs';

/** Objects put at once: enough that the uploads are there before the server has worked them off. */
const PUTS = 8;
/** Between two looks at the ledger for what has become searchable. */
const LOOK_MS = 50;
/** A run that shows a fault is to end as well. */
const LONGEST_MS = 900_000;

const { values } = parseArgs({
  options: {
    systems: { type: 'string', default: '100' },
    each: { type: 'string', default: '4' },
    rows: { type: 'string', default: '100' },
    // How far back the memories of each upload reach.
    days: { type: 'string', default: '400' },
    rate: { type: 'string' },
    concurrency: { type: 'string' },
  },
});
const [systems, each, rows, days] = [values.systems, values.each, values.rows, values.days].map(Number);
const uploads = systems * each;
/** Opened once the server has made it. */
let ledger;

const folder = await mkdtemp(join(tmpdir(), 'akosha-bench-'));
const bucket = await startBucket(folder);
const objects = await openObjectStore(bucket.url);
try {
  console.log(`${uploads} uploads of ${rows} conversations of ${days} days each, from ${systems} systems`);
  const made = await makeUploads({ rows, each, days });
  if (values.rate === undefined) await printBacklog(refsOf(made));
  else await printSteady(refsOf(made), Number(values.rate));
} finally {
  await objects.close();
  await bucket.stop();
  await rm(folder, { recursive: true, force: true });
}

/** The same uploads for every system, in the order in which they are to come: the systems in turns, each one's in their order. */
function refsOf(made) {
  return made.flatMap((upload, turn) =>
    Array.from({ length: systems }, (_, i) => {
      const systemId = `system-${String(i).padStart(5, '0')}`;
      return { upload, ref: { systemId, uploadId: `bench-${i}-${turn}` } };
    }),
  );
}

async function printBacklog(all) {
  const loop = await timeLoop(all);
  const settings = {
    AKOSHA_POLL_INTERVAL_SECONDS: '1',
    ...(values.concurrency === undefined ? {} : { AKOSHA_INGEST_CONCURRENCY: values.concurrency }),
  };
  const { seconds, quarters, cpu, index } = await withServer(folder, bucket.url, settings, async (api) => ({
    ...(await timeBacklog(all)),
    index: await timeIndex(api),
  }));
  printTable([
    ['', 'seconds', 'uploads a minute'],
    ['akosha', seconds.toFixed(1), perMinute(uploads, seconds)],
    ['gunzip, attach, upsert', loop.toFixed(1), perMinute(uploads, loop)],
    ['ratio of the times', (seconds / loop).toFixed(2), ''],
  ]);
  const named = quarters.map((quarter) => perMinute(uploads / 4, quarter));
  console.log(`uploads a minute by quarters: ${named.join(', ')}`);
  const used = cpu.map(([part, spent]) => `${part} ${((spent / uploads) * 1000).toFixed(0)}`);
  console.log(`CPU ms an upload: ${used.join(', ')}`);
  console.log(
    `vector index at the last receipt: ${index.behind} changes behind, ${index.waiting} rows compared one by one; ` +
      `none of either ${index.seconds.toFixed(1)} s later`,
  );
}

/** One half told by events, then the other found by polls at their usual interval. */
async function printSteady(all, rate) {
  const half = all.length / 2;
  const table = [[`${rate} uploads a second, from manifest to searchable`, 'p50 s', 'p99 s', 'most s']];
  await withServer(folder, bucket.url, {}, async (api) => {
    const told = await timeSteady(all.slice(0, half), rate, async ({ upload, ref }) =>
      postEvent(api, await putManifest(objects, upload, ref, { inbox: true })),
    );
    table.push(['told by events', ...spread(told)]);
    const found = await timeSteady(all.slice(half), rate, ({ upload, ref }) =>
      putManifest(objects, upload, ref, { inbox: true }),
    );
    table.push(['found by the poll each 30 s', ...spread(found)]);
  });
  printTable(table);
}

function spread(waits) {
  const sorted = waits.toSorted((a, b) => a - b);
  return [0.5, 0.99, 1].map((share) => (sorted[Math.floor((sorted.length - 1) * share)] / 1000).toFixed(2));
}

function perMinute(count, seconds) {
  return Math.round((count / seconds) * 60);
}

async function timeLoop(all) {
  const started = performance.now();
  await withDuckDB(join(folder, 'loop.duckdb'), async (connection) => {
    await connection.run(
      `CREATE TABLE memories (system_id VARCHAR, id VARCHAR, content VARCHAR, embedding FLOAT[384], project VARCHAR,
         timestamp TIMESTAMP, PRIMARY KEY (system_id, id))`,
    );
    for (const { upload, ref } of all) {
      const raw = join(folder, 'loop-input.duckdb');
      await pipeline(Readable.from([upload.data[0].bytes]), createGunzip(), createWriteStream(raw));
      await connection.run(`ATTACH '${raw}' AS input (READ_ONLY)`);
      await connection.run(
        `INSERT OR REPLACE INTO memories SELECT '${ref.systemId}', * FROM input.conversations_v2`,
      );
      await connection.run('DETACH input');
    }
  });
  return (performance.now() - started) / 1000;
}

/** From the first manifest to the last receipt, whole and by quarters. */
async function timeBacklog(all) {
  await someAtOnce(PUTS, all, ({ upload, ref }) => putFiles(objects, upload, ref));
  const before = cpuSeconds();
  const started = performance.now();
  const puts = someAtOnce(PUTS, all, ({ upload, ref }) => putManifest(objects, upload, ref, { inbox: true }));
  const quarters = [];
  for (let last = started; quarters.length < 4;) {
    if (performance.now() - started > LONGEST_MS) throw new Error('not all uploads have their receipts');
    const done = uploadsWhere(`state = 'done'`).size;
    if (done >= ((quarters.length + 1) * uploads) / 4) {
      quarters.push((performance.now() - last) / 1000);
      last = performance.now();
    } else await sleep(500);
  }
  await puts;
  const seconds = (performance.now() - started) / 1000;
  const cpu = [...cpuSeconds()].map(([part, spent]) => [part, spent - (before.get(part) ?? 0)]);
  return { seconds, quarters, cpu };
}

/** What the vector index lags behind now, and how long that takes it, as the metrics tell, which each poll counts anew. */
async function timeIndex(api) {
  const started = performance.now();
  const first = await indexLag(api);
  for (let lag = first; lag.behind > 0 || lag.waiting > 0; lag = await indexLag(api)) await sleep(500);
  return { ...first, seconds: (performance.now() - started) / 1000 };
}

async function indexLag(api) {
  const metrics = await (await fetch(`${api}/metrics`)).text();
  const value = (name) => Number(new RegExp(`^${name} (.+)$`, 'm').exec(metrics)[1]);
  return {
    behind: value('akosha_vector_index_behind_changes'),
    waiting: value('akosha_vector_index_waiting_rows'),
  };
}

/** The ids of uploads in a state. The server's own ledger says so at no cost to it or to the object store. */
function uploadsWhere(where) {
  ledger ??= new Libsql(join(folder, 'data', 'store', 'catalog.db'), { readonly: true });
  return new Set(
    ledger
      .prepare(`SELECT upload_id FROM uploads WHERE ${where}`)
      .all()
      .map((row) => row.upload_id),
  );
}

/** One upload after another at the rate; for each the milliseconds from its manifest until a search would find it. */
async function timeSteady(all, rate, announce) {
  for (const { upload, ref } of all) await putFiles(objects, upload, ref);
  const putAt = new Map();
  const waits = [];
  const started = performance.now();
  const announcing = Promise.all(
    all.map(async (one, i) => {
      await sleep((i * 1000) / rate);
      putAt.set(one.ref.uploadId, performance.now());
      await announce(one);
    }),
  );
  while (waits.length < all.length) {
    await sleep(LOOK_MS);
    // What is committed is searchable: one transaction places and indexes.
    const found = uploadsWhere(`state IN ('committed', 'receipted', 'done')`);
    for (const [uploadId, at] of putAt) {
      if (!found.has(uploadId)) continue;
      waits.push(performance.now() - at);
      putAt.delete(uploadId);
    }
    if (performance.now() - started > LONGEST_MS) throw new Error(`${putAt.size} uploads are not searchable`);
  }
  await announcing;
  return waits;
}

// Uploads ingested a minute, by the whole program (Temporal, an S3 server, journal, receipts, everything durable), against the loop
// a user would write instead: for each upload, gunzip it, attach it, and upsert its rows into one DuckDB table. And how long an
// upload takes to be searchable while others come, at a steady rate.
//   node bench/ingest.mjs --systems 500 --each 4 --rows 100
//   node bench/ingest.mjs --systems 500 --each 4 --rows 100 --rate 10
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { createGunzip } from 'node:zlib';
import Libsql from 'libsql';
import { openObjectStore } from '../dist/objects/index.js';
import { ReaderPool } from '../dist/reader/index.js';
import { openHost, syncDirectly } from '../dist/upload/index.js';
import { cpuSeconds } from './cpu.mjs';
import { startBucket, withServer as runServer } from './server.mjs';
import { NOW, printTable } from './support.mjs';
import { withDuckDB, writeDatabase } from './synthetic.mjs';

/** Objects put at once: enough that the uploads are there before the server has worked them off. */
const PUTS = 8;

const { values } = parseArgs({
  options: {
    systems: { type: 'string', default: '100' },
    each: { type: 'string', default: '4' },
    rows: { type: 'string', default: '100' },
    rate: { type: 'string' },
    concurrency: { type: 'string' },
  },
});
const [systems, each, rows] = [Number(values.systems), Number(values.each), Number(values.rows)];
const uploads = systems * each;
/** Opened once the server has made it. */
let ledger;

const folder = await mkdtemp(join(tmpdir(), 'akosha-bench-'));
const bucket = await startBucket(folder);
const objects = await openObjectStore(bucket.url);
try {
  console.log(`${uploads} uploads of ${rows} conversations each, from ${systems} systems`);
  const made = await makeUploads();
  if (values.rate === undefined) await printBacklog(made);
  else await printSteady(made, Number(values.rate));
} finally {
  await objects.close();
  await bucket.stop();
  await rm(folder, { recursive: true, force: true });
}

/**
 * The uploads, in a folder: each brings new memories. The same databases for every system, because what differs is whose they are. In the
 * order in which they are to come: the systems in turns.
 */
async function makeUploads() {
  const store = await openObjectStore(pathToFileURL(join(folder, 'made')).href);
  const reader = new ReaderPool({ size: 2, memoryLimitMb: 512, jobTimeoutMs: 600_000 });
  const made = [];
  for (let turn = 0; turn < each; turn++) {
    const database = join(folder, `reflection-${turn}.duckdb`);
    await writeDatabase(database, rows, (turn + 1) / 1000);
    for (let i = 0; i < systems; i++) {
      const systemId = `system-${String(i).padStart(5, '0')}`;
      const host = openHost({
        systemId,
        dataDir: join(folder, 'hosts', systemId),
        databases: [database],
        uploads: store,
        reader,
        timeZone: 'UTC',
        now: () => NOW + turn * 1000,
      });
      const uploadId = `bench-${i}-${turn}`;
      await syncDirectly(host, { uploadId });
      host.close();
      made.push({ systemId, uploadId });
    }
  }
  await reader.close();
  await store.close();
  return made;
}

async function printBacklog(made) {
  const loop = await timeLoop(made);
  const { seconds, quarters, cpu } = await withServer(() => timeBacklog(made));
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
}

async function printSteady(made, rate) {
  const waits = await withServer((api) => timeSteady(made, rate, api));
  waits.sort((a, b) => a - b);
  const at = (share) => (waits[Math.floor((waits.length - 1) * share)] / 1000).toFixed(2);
  printTable([
    ['from manifest to searchable', 'p50 s', 'p99 s', 'most s'],
    [`${rate} uploads a second`, at(0.5), at(0.99), at(1)],
  ]);
}

function perMinute(count, seconds) {
  return Math.round((count / seconds) * 60);
}

async function timeLoop(made) {
  const started = performance.now();
  await withDuckDB(join(folder, 'loop.duckdb'), async (connection) => {
    await connection.run(
      `CREATE TABLE memories (system_id VARCHAR, id VARCHAR, content VARCHAR, embedding FLOAT[384], project VARCHAR,
         timestamp TIMESTAMP, PRIMARY KEY (system_id, id))`,
    );
    for (const { systemId, uploadId } of made) {
      const raw = join(folder, 'loop-input.duckdb');
      const [stored] = (await filesOf({ systemId, uploadId })).filter((name) => name.includes('.duckdb'));
      await pipeline(createReadStream(stored), createGunzip(), createWriteStream(raw));
      await connection.run(`ATTACH '${raw}' AS input (READ_ONLY)`);
      await connection.run(
        `INSERT OR REPLACE INTO memories SELECT '${systemId}', * FROM input.conversations_v2`,
      );
      await connection.run('DETACH input');
    }
  });
  return (performance.now() - started) / 1000;
}

async function filesOf({ systemId, uploadId }) {
  const place = join(folder, 'made', 'systems', systemId, 'uploads', uploadId);
  return (await readdir(place)).map((name) => join(place, name));
}

/** As a host does: files, manifest, inbox entry. */
async function putUpload(ref) {
  const files = await filesOf(ref);
  const isManifest = (name) => name.endsWith('manifest.json');
  for (const file of [...files.filter((name) => !isManifest(name)), ...files.filter(isManifest)]) {
    const key = file.slice(join(folder, 'made').length + 1);
    await objects.put(key, await readFile(file), { contentType: 'application/octet-stream' });
  }
  await objects.put(`inbox/${ref.uploadId}@${ref.systemId}`, '', { contentType: 'text/plain' });
}

function withServer(work) {
  const settings = {
    AKOSHA_POLL_INTERVAL_SECONDS: '1',
    ...(values.concurrency === undefined ? {} : { AKOSHA_INGEST_CONCURRENCY: values.concurrency }),
  };
  return runServer(folder, bucket.url, settings, work);
}

/** From the first manifest to the last receipt, whole and by quarters. */
async function timeBacklog(made) {
  const before = cpuSeconds();
  const started = performance.now();
  const rest = made.values();
  const put = async () => {
    for (const ref of rest) await putUpload(ref);
  };
  const puts = Promise.all(Array.from({ length: PUTS }, put));
  const quarters = [];
  for (let last = started; quarters.length < 4;) {
    const done = countReceipts();
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

/** The server's own ledger says so at no cost to the object store: an upload is done once its receipt stands. */
function countReceipts() {
  ledger ??= new Libsql(join(folder, 'data', 'store', 'catalog.db'), { readonly: true });
  return ledger.prepare(`SELECT count(*) AS n FROM uploads WHERE state = 'done'`).get().n;
}

/** One upload after another at the rate; for each the time from its manifest to a search of its system that finds it. */
async function timeSteady(made, rate, api) {
  const waits = [];
  const running = [];
  const started = performance.now();
  for (const [i, ref] of made.entries()) {
    await sleep(Math.max(0, started + (i * 1000) / rate - performance.now()));
    running.push(
      putUpload(ref).then(async () => {
        const put = performance.now();
        while (!(await isDone(api, ref))) await sleep(50);
        waits.push(performance.now() - put);
      }),
    );
  }
  await Promise.all(running);
  return waits;
}

/** What is committed is searchable: one transaction places and indexes. */
async function isDone(api, { systemId, uploadId }) {
  const response = await fetch(`${api}/api/v1/systems/${systemId}/uploads/${uploadId}`);
  if (!response.ok) return false;
  const { state } = await response.json();
  return state !== 'pending';
}

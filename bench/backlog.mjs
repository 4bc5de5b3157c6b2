// How soon a fresh upload is searchable while a backlog is worked off: one announced by an event, one that an agent hands over, and one
// that the poll of the inbox finds. The backlog is in the bucket before the server starts, and every upload of it brings new memories.
//   node bench/backlog.mjs --backlog 20000
//   node bench/backlog.mjs --backlog 300 --each 3 --fresh 5
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import Libsql from 'libsql';
import { createAkoshaClient } from '../dist/client/index.js';
import { openObjectStore } from '../dist/objects/index.js';
import { freePort } from '../dist/servers/index.js';
import { startBucket, withServer } from './server.mjs';
import { NOW, printTable } from './support.mjs';
import { withDuckDB, writeDatabase } from './synthetic.mjs';
import { makeUploads, postEvent, putUpload, someAtOnce } from './uploads.mjs';

/** Objects put at once. */
const PUTS = 16;
/** Between two looks at the ledger or for a fresh upload. */
const LOOK_MS = 50;
/** What is not searchable by then counts as that: a run that shows a fault is to end as well. */
const LONGEST_MS = 300_000;
/** A poll's interval by default: fresh uploads are spread over it, so that some come at its best time and some at its worst. */
const POLL_MS = 30_000;
/** The agent of `akosha up`. */
const OWN_SYSTEM = 'bench';

const { values } = parseArgs({
  options: {
    backlog: { type: 'string', default: '20000' },
    each: { type: 'string', default: '4' },
    rows: { type: 'string', default: '20' },
    fresh: { type: 'string', default: '10' },
  },
});
const [backlog, each, rows, fresh] = ['backlog', 'each', 'rows', 'fresh'].map((name) => Number(values[name]));
/** Opened once the server has made it. */
let ledger;

const folder = await mkdtemp(join(tmpdir(), 'akosha-bench-'));
const bucket = await startBucket(folder);
const objects = await openObjectStore(bucket.url);
try {
  const made = await makeUploads({ rows, each });
  const put = await seconds(() => putBacklog(made));
  console.log(
    `${backlog} uploads of ${rows} conversations from ${backlog / each} systems, put in ${put.toFixed(1)} s`,
  );
  const database = join(folder, 'reflection.duckdb');
  await writeDatabase(database, rows, 0.9);
  const port = String(await freePort());
  const settings = {
    AKOSHA_TEMPORAL_PORT: port,
    AKOSHA_DATABASES: database,
    AKOSHA_SYSTEM_ID: OWN_SYSTEM,
  };
  const client = createAkoshaClient({ address: `127.0.0.1:${port}` });
  await withServer(folder, bucket.url, settings, (api) => measure({ api, client, database, made: made[0] }));
  await client.close();
} finally {
  await objects.close();
  await bucket.stop();
  await rm(folder, { recursive: true, force: true });
}

/** The systems in turns, a system's own in their order. */
async function putBacklog(made) {
  const systems = Math.ceil(backlog / each);
  await someAtOnce(PUTS, [...Array(backlog).keys()], (i) => {
    const systemId = `system-${String(i % systems).padStart(6, '0')}`;
    const upload = made[Math.floor(i / systems)];
    return putUpload(objects, upload, { systemId, uploadId: `backlog-${i}` }, { inbox: true });
  });
}

async function measure({ api, client, database, made }) {
  const queued = await seconds(async () => {
    while (count('') < backlog) await sleep(LOOK_MS);
  });
  console.log(`all of it in the queue ${queued.toFixed(1)} s after the server was ready`);
  const drain = watchDrain();
  const ways = [
    ['announced by an event', (i) => announced(api, client, made, i)],
    ['handed over by an agent, from the hand-over', () => handedOver(api, client, database)],
  ];
  const table = [['', 'searchable p50 s', 'most s', 'its ingest began p50 s', 'most s', 'backlog then']];
  const add = (name, times) => {
    const spreads = ['searchable', 'began'].flatMap((what) => spread(times.map((time) => time[what])));
    table.push([name, ...spreads, waiting()]);
  };
  for (const [name, run] of ways) {
    const times = [];
    for (let i = 0; i < fresh; i++) times.push(await run(i));
    add(name, times);
  }
  const polled = Array.from({ length: fresh }, async (_, i) => {
    await sleep((i * POLL_MS) / fresh);
    return foundByPoll(api, client, made, i);
  });
  add('found by the poll', await Promise.all(polled));
  printTable(table);
  console.log(`the backlog was worked off at ${Math.round(drain.end())} uploads a minute`);
}

async function announced(api, client, made, i) {
  const ref = { systemId: `event-${i}`, uploadId: `event-${i}` };
  const at = Date.now();
  const key = await putUpload(objects, made, ref, { inbox: false });
  await postEvent(api, key);
  return timesOf(api, client, ref, at);
}

/** The agent takes a snapshot, delivers it and hands it over, which is where the time begins: before, no upload is there. */
async function handedOver(api, client, database) {
  await withDuckDB(database, (connection) =>
    connection.run(
      `INSERT INTO conversations_v2 SELECT uuid(), content, embedding, project, make_timestamp(${NOW * 1000})
       FROM conversations_v2 LIMIT 1`,
    ),
  );
  const run = await client.requestSync(OWN_SYSTEM);
  const { uploadId } = await run.result();
  const { events } = await client.connection.temporal.workflow
    .getHandle(`upload/${OWN_SYSTEM}`)
    .fetchHistory();
  const handOver = events.findLast(
    ({ activityTaskScheduledEventAttributes: its }) => its?.activityType.name === 'handOver',
  );
  return timesOf(api, client, { systemId: OWN_SYSTEM, uploadId }, timeOf(handOver));
}

async function foundByPoll(api, client, made, i) {
  const ref = { systemId: `poll-${i}`, uploadId: `poll-${i}` };
  const at = Date.now();
  await putUpload(objects, made, ref, { inbox: true });
  return timesOf(api, client, ref, at);
}

/** Seconds since `at` until it was searchable, and until an activity had it, which is what it waited for its turn. */
async function timesOf(api, client, ref, at) {
  await searchable(api, ref, at);
  // Since the commit; who was asking came to know of it later.
  const { committed_at: searchableAt = Date.now() } =
    ledger
      .prepare('SELECT committed_at FROM uploads WHERE system_id = ? AND upload_id = ? AND committed_at > 0')
      .get(ref.systemId, ref.uploadId) ?? {};
  const run = client.connection.temporal.workflow.getHandle(`ingest/${ref.systemId}`);
  // That an activity began stands in the history once it has ended.
  await run.result();
  const { events } = await run.fetchHistory();
  const ingest = events.find(
    ({ activityTaskScheduledEventAttributes: its }) => its?.activityType.name === 'ingestUpload',
  );
  const started = events.find(
    ({ activityTaskStartedEventAttributes: its }) => its && its.scheduledEventId.equals(ingest.eventId),
  );
  return { searchable: (searchableAt - at) / 1000, began: (timeOf(started) - at) / 1000 };
}

/** Of an event of a history: milliseconds since 1970. */
function timeOf({ eventTime: { seconds: whole, nanos } }) {
  return Number(whole) * 1000 + nanos / 1e6;
}

/** What is committed is searchable: one transaction places and indexes. */
async function searchable(api, { systemId, uploadId }, at) {
  while (Date.now() - at < LONGEST_MS) {
    const response = await fetch(`${api}/api/v1/systems/${systemId}/uploads/${uploadId}`);
    if (response.ok && (await response.json()).state !== 'pending') return;
    await sleep(LOOK_MS);
  }
}

/** How fast the backlog goes, for as long as there is one. */
function watchDrain() {
  const started = performance.now();
  const before = waiting();
  let perMinute = 0;
  const look = setInterval(() => {
    const left = waiting();
    if (left > 0) perMinute = ((before - left) * 60_000) / (performance.now() - started);
  }, 1_000);
  return {
    end: () => {
      clearInterval(look);
      return perMinute;
    },
  };
}

async function seconds(work) {
  const started = performance.now();
  await work();
  return (performance.now() - started) / 1000;
}

function spread(waits) {
  const sorted = waits.toSorted((a, b) => a - b);
  return [sorted[Math.floor((sorted.length - 1) / 2)], sorted.at(-1)].map((wait) => wait.toFixed(2));
}

function waiting() {
  return count(`WHERE state = 'pending'`);
}

/** The server's own ledger says so at no cost to the object store. */
function count(where) {
  ledger ??= new Libsql(join(folder, 'data', 'store', 'catalog.db'), { readonly: true });
  return ledger.prepare(`SELECT count(*) AS n FROM uploads ${where}`).get().n;
}

// Temporal killed under load, away for minutes while uploads go on coming, and started again: what is in the store afterwards, beside an ingest of
// the same uploads that nothing disturbed; what was told of the outage; and how long it took to be over. Ends with 1 where a check fails.
//   node bench/outage.mjs --minutes 10 --rate 1
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import Libsql from 'libsql';
import { createAkoshaClient } from '../dist/client/index.js';
import { openObjectStore } from '../dist/objects/index.js';
import { startTemporalServer } from '../dist/servers/index.js';
import { receiveAlerts } from './alerts.mjs';
import { contentsOf, ingestUndisturbed } from './contents.mjs';
import { startBucket, withServer } from './server.mjs';
import { printTable } from './support.mjs';
import { makeUploads, putUpload } from './uploads.mjs';

const SYSTEMS = 20;
const ROWS = 20;
/** Uploads that come at once in the beginning, so that Temporal is killed while they are being ingested. */
const AT_ONCE = 80;
/** So many of them are through by then. */
const THROUGH_AT_KILL = 10;
/** Uploads made beyond those of the outage itself: for what it takes to begin and to end. */
const SPARE_SECONDS = 120;
/** Between two looks at the ledger. */
const LOOK_MS = 200;
/** Between two looks at the gauge. */
const SAMPLE_MS = 500;
/** What has not come about by then does not: a run that shows a fault is to end as well. */
const LONGEST_MS = 300_000;
const SECRET = 'the secret of a bench';

const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '10' }, rate: { type: 'string', default: '1' } },
});
const [minutes, rate] = [Number(values.minutes), Number(values.rate)];
/** Opened once the server has made it. */
let ledger;
const put = [];
const failed = [];

const folder = await mkdtemp(join(tmpdir(), 'akosha-bench-'));
const bucket = await startBucket(folder);
const objects = await openObjectStore(bucket.url);
const alerts = await receiveAlerts(SECRET);
const temporalOptions = { dataFolder: folder, uiPort: null };
let temporal = await startTemporalServer(temporalOptions);
try {
  const count = AT_ONCE + Math.ceil(rate * (minutes * 60 + SPARE_SECONDS));
  const made = await makeUploads({ rows: ROWS, each: Math.ceil(count / SYSTEMS) });
  const settings = {
    TEMPORAL_ADDRESS: temporal.url,
    AKOSHA_ALERT_WEBHOOK_URL: alerts.url,
    AKOSHA_ALERT_WEBHOOK_SECRET: SECRET,
    // What waits is to say what the outage costs, and not when the next poll is.
    AKOSHA_POLL_INTERVAL_SECONDS: '1',
    AKOSHA_EMBEDDINGS: 'off',
  };
  await withServer(folder, bucket.url, settings, (api) => measure(api, made));
  ledger.close();
  await compare();
} finally {
  alerts.close();
  await temporal.stop();
  await objects.close();
  await bucket.stop();
  await rm(folder, { recursive: true, force: true });
}
process.exitCode = failed.length === 0 ? 0 : 1;

/** A fault of any of the three ends the bench, and its servers with it. */
async function measure(api, made) {
  const stopped = new AbortController();
  const [modes] = await Promise.all([
    watchMode(api, stopped.signal),
    keepPutting(made, stopped.signal),
    killAndReturn(api).finally(() => stopped.abort()),
  ]);
  await until('through with all uploads', () => areThrough(put));
  check('akosha_bootstrap_mode', modes.join(', '), '0, 1, 0');
}

async function killAndReturn(api) {
  await until('under load', () => done().size >= THROUGH_AT_KILL);
  const atKill = { put: put.length, done: done().size };
  process.kill(temporal.pid, 'SIGKILL');
  const killed = performance.now();
  const seconds = (from) => ((performance.now() - from) / 1000).toFixed(1);
  const table = [['', 'seconds']];
  await until('in bootstrap mode', async () => (await statusOf(api)).bootstrap !== null);
  const { since } = (await statusOf(api)).bootstrap;
  table.push(['from the kill to bootstrap mode', seconds(killed)]);
  const waitedFor = put.slice();
  const most = waitedFor.length - done().size;
  await until('through with what came by then', () => areThrough(waitedFor));
  table.push([`until the ${most} uploads that waited by then were through`, seconds(killed)]);
  await sleep(Math.max(0, killed + minutes * 60_000 - performance.now()));
  const duringIt = done().size - atKill.done;

  temporal = await startTemporalServer({ ...temporalOptions, port: temporal.ports.main });
  const back = performance.now();
  await until('out of bootstrap mode', async () => (await statusOf(api)).bootstrap === null);
  table.push(['from Temporal’s answer to the end of bootstrap mode', seconds(back)]);
  const waitingAtEnd = put.slice();
  const left = waitingAtEnd.length - done().size;
  await until('through with what came by then', () => areThrough(waitingAtEnd));
  table.push([`until the ${left} uploads that waited by then were through`, seconds(back)]);
  await until('told that it is over', () => alerts.taken.some(({ event }) => event === 'outage.ended'));
  const record = await recordOf(since);
  table.push(['until its record stood in Temporal', seconds(back)]);
  await until('ready', async () => (await statusOf(api)).ready);

  console.log(`${atKill.put} uploads were put and ${atKill.done} through when Temporal was killed`);
  console.log(`${duringIt} were ingested in the ${minutes} minutes without it, of ${put.length} in all`);
  printTable(table);
  const told = alerts.taken.map(({ event, genuine }) => `${event}${genuine ? '' : ' (forged)'}`);
  check('alerts', told.join(', '), 'outage.began, outage.ended');
  check(`workflow outage/${since}`, record.status, 'COMPLETED');
  check('its record says that it ingested', record.ingested > 0, true);
}

/** Beside what nothing disturbed: the same memories, with the same content. */
async function compare() {
  const disturbed = await contentsOf(join(folder, 'data'), bucket.url);
  const calm = await ingestUndisturbed(join(folder, 'calm'), objects);
  const differ = [...calm].filter(([key, content]) => disturbed.get(key) !== content).length;
  check('memories', disturbed.size, put.length * ROWS);
  // Each upload brought its rows as new ones once, by an operation of its own.
  const { rows, ingests } = ingestsOf(join(folder, 'data'));
  check('rows that receipts call new', rows, put.length * ROWS);
  check('ingests that committed', ingests, put.length);
  check('memories of an undisturbed ingest', calm.size, put.length * ROWS);
  check('of which differ', differ, 0);
}

function ingestsOf(data) {
  const catalog = new Libsql(join(data, 'store', 'catalog.db'), { readonly: true });
  const { rows } = catalog.prepare('SELECT sum(rows_new) AS rows FROM uploads').get();
  const { ingests } = catalog
    .prepare(`SELECT count(*) AS ingests FROM operations WHERE kind = 'ingest' AND state = 'committed'`)
    .get();
  catalog.close();
  return { rows, ingests };
}

function check(what, is, expected) {
  if (is !== expected) failed.push(what);
  console.log(
    `${is === expected ? 'ok  ' : 'FAIL'} ${what}: ${is}${is === expected ? '' : `, not ${expected}`}`,
  );
}

/** The first at once, the others at the rate, the systems in turns. */
async function keepPutting(made, signal) {
  const started = performance.now();
  for (let i = 0; !signal.aborted; i++) {
    const upload = made[Math.floor(i / SYSTEMS)];
    if (upload === undefined) throw new Error('more uploads than were made: raise SPARE_SECONDS');
    const due = started + Math.max(0, i - AT_ONCE) * (1000 / rate);
    await sleep(Math.max(0, due - performance.now()), undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return;
    const systemId = `system-${String(i % SYSTEMS).padStart(3, '0')}`;
    const uploadId = `outage-${String(i).padStart(6, '0')}`;
    await putUpload(objects, upload, { systemId, uploadId }, { inbox: true });
    put.push(uploadId);
  }
}

/** The gauge's values, one after the other. */
async function watchMode(api, signal) {
  const seen = [];
  while (!signal.aborted) {
    const metrics = await fetch(`${api}/metrics`).then((response) => response.text());
    const value = /^akosha_bootstrap_mode (\d)$/m.exec(metrics)?.[1];
    if (value !== undefined && seen.at(-1) !== value) seen.push(value);
    await sleep(SAMPLE_MS);
  }
  return seen;
}

async function statusOf(api) {
  return (await fetch(`${api}/api/v1/status`)).json();
}

/** How the workflow ended that is the outage's record, and what it says. */
async function recordOf(start) {
  const client = createAkoshaClient({ address: temporal.url });
  try {
    const handle = client.connection.temporal.workflow.getHandle(`outage/${start}`);
    await until('recorded', () =>
      handle.describe().then(
        () => true,
        () => false,
      ),
    );
    const { totals } = await handle.result();
    return { status: (await handle.describe()).status.name, ingested: totals.ingested };
  } finally {
    await client.close();
  }
}

async function until(what, test) {
  const deadline = Date.now() + LONGEST_MS;
  while (!(await test())) {
    if (Date.now() > deadline) throw new Error(`not ${what} after ${LONGEST_MS / 1000} s`);
    await sleep(LOOK_MS);
  }
}

function areThrough(uploadIds) {
  const through = done();
  return uploadIds.every((uploadId) => through.has(uploadId));
}

/** The server's own ledger says so at no cost to the object store: an upload is done once its receipt stands. */
function done() {
  ledger ??= new Libsql(join(folder, 'data', 'store', 'catalog.db'), { readonly: true });
  const rows = ledger.prepare(`SELECT upload_id FROM uploads WHERE state = 'done'`).all();
  return new Set(rows.map((row) => row.upload_id));
}

// Uploads that nobody announced, one of each system, found by the daily walk: how long it takes, what it asks of the object store, how
// long until the last receipt, how many events any workflow's history has, and what the server's memory comes to.
//   node bench/discovery.mjs --systems 10000
//   node bench/discovery.mjs --systems 10000 --walk-only
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import Libsql from 'libsql';
import { createAkoshaClient } from '../dist/client/index.js';
import { openObjectStore } from '../dist/objects/index.js';
import { freePort } from '../dist/servers/index.js';
import { cpuSeconds } from './cpu.mjs';
import { startBucket, withServer } from './server.mjs';
import { printTable } from './support.mjs';
import { makeUploads, putUpload, someAtOnce } from './uploads.mjs';

const ROWS = 5;
/** Objects put at once. */
const PUTS = 16;
/** Between two looks at memory and ledger. */
const LOOK_MS = 1_000;
/** Between two lines that tell how far it is: a run of many systems takes an hour. */
const TELL_MS = 60_000;
const MIB = 2 ** 20;

const { values } = parseArgs({
  options: {
    systems: { type: 'string', default: '10000' },
    'walk-only': { type: 'boolean', default: false },
  },
});
const systems = Number(values.systems);
/** Opened once the server has made it. */
let ledger;

const folder = await mkdtemp(join(tmpdir(), 'akosha-bench-'));
const bucket = await startBucket(folder);
const objects = await openObjectStore(bucket.url);
try {
  const [made] = await makeUploads({ rows: ROWS });
  const put = await putUploads(made);
  console.log(`${systems} systems with one upload of ${ROWS} conversations each, put in ${put.toFixed(1)} s`);
  const port = String(await freePort());
  // The fewer ingests there are beside the walk, the more it shows what it takes by itself: two of what runs on the store at once.
  const settings = {
    AKOSHA_TEMPORAL_PORT: port,
    ...(values['walk-only'] ? { AKOSHA_INGEST_CONCURRENCY: '2' } : {}),
  };
  await withServer(folder, bucket.url, settings, (api, pid) => measure(api, pid, `127.0.0.1:${port}`));
} finally {
  await objects.close();
  await bucket.stop();
  await rm(folder, { recursive: true, force: true });
}

/** As a host does, but for the inbox entry. Returns the seconds it took. */
async function putUploads(made) {
  const started = performance.now();
  await someAtOnce(PUTS, [...Array(systems).keys()], (i) => {
    const systemId = `system-${String(i).padStart(6, '0')}`;
    return putUpload(objects, made, { systemId, uploadId: `upload-${i}` }, { inbox: false });
  });
  return (performance.now() - started) / 1000;
}

async function measure(api, pid, address) {
  const client = createAkoshaClient({ address });
  const cpuBefore = cpuSeconds();
  const idle = memoryOf(pid);
  const started = performance.now();
  const seconds = () => ((performance.now() - started) / 1000).toFixed(1);
  const telling = setInterval(() => {
    const queued = count('');
    console.log(
      `after ${seconds()} s: queued ${queued}, ingested ${countReceipts()}, ${memoryOf(pid).now} MB resident`,
    );
  }, TELL_MS);
  try {
    const { walk: listsBefore = 0 } = await listsOf(api);
    const run = await client.runDailyIngest();
    const { seen, added } = await run.result();
    const walked = seconds();
    const { walk: lists } = await listsOf(api);
    const { now: resident } = memoryOf(pid);
    console.log(`the walk looked at ${seen} and queued ${added}; ${countReceipts()} were ingested meanwhile`);
    if (!values['walk-only']) await waitForReceipts();
    const { now: end, most } = memoryOf(pid);
    printTable([
      ['', ''],
      ['walk, s', walked],
      ['list requests of the walk', lists - listsBefore],
      ...(values['walk-only'] ? [] : [['from its start to the last receipt, s', seconds()]]),
      ['resident MB: idle', idle.now],
      ['after the walk', resident],
      ['at the end', end],
      ['at most', most],
    ]);
    printCpu(cpuBefore);
    await printHistories(client);
  } finally {
    clearInterval(telling);
    await client.close();
  }
}

/** As the kernel counts it, in MiB. Linux alone. */
function memoryOf(pid) {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const mib = (name) => Math.round((Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)[1]) * 1024) / MIB);
  return { now: mib('VmRSS'), most: mib('VmHWM') };
}

/** List requests so far, by purpose. */
async function listsOf(api) {
  const text = await (await fetch(`${api}/metrics`)).text();
  const found = text.matchAll(/^akosha_object_list_requests_total\{purpose="(\w+)"\} (\d+)/gm);
  return Object.fromEntries([...found].map(([, purpose, requests]) => [purpose, Number(requests)]));
}

function countReceipts() {
  return count(`WHERE state = 'done'`);
}

/** The server's own ledger says so at no cost to the object store. */
function count(where) {
  ledger ??= new Libsql(join(folder, 'data', 'store', 'catalog.db'), { readonly: true });
  return ledger.prepare(`SELECT count(*) AS n FROM uploads ${where}`).get().n;
}

/** Tells each tenth, so that a drain which grows slower shows. */
async function waitForReceipts() {
  let last = performance.now();
  for (let tenth = 1; tenth <= 10;) {
    if (countReceipts() >= (tenth * systems) / 10) {
      const seconds = (performance.now() - last) / 1000;
      console.log(`${tenth * 10} % ingested, the last tenth in ${seconds.toFixed(1)} s`);
      last = performance.now();
      tenth += 1;
    } else await sleep(LOOK_MS);
  }
}

function printCpu(before) {
  const spent = [...cpuSeconds()].map(([part, seconds]) => [part, seconds - (before.get(part) ?? 0)]);
  console.log(`CPU s: ${spent.map(([part, seconds]) => `${part} ${seconds.toFixed(0)}`).join(', ')}`);
}

/** The longest history of each type of workflow, and how many runs there were. */
async function printHistories(client) {
  const byType = new Map();
  for await (const { type, historyLength } of client.connection.temporal.workflow.list()) {
    const { runs = 0, most = 0 } = byType.get(type) ?? {};
    byType.set(type, { runs: runs + 1, most: Math.max(most, historyLength ?? 0) });
  }
  printTable([
    ['workflow', 'runs', 'most events'],
    ...[...byType].map(([type, { runs, most }]) => [type, runs, most]),
  ]);
}

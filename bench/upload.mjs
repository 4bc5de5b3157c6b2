import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, openSync, closeSync, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { startS3Server } from '../dist/servers/index.js';
import { outboxStatus, writeRequest } from '../dist/upload/index.js';
import { SAMPLE, writeLargeDatabase } from './large-database.mjs';
import { printTable } from './support.mjs';

/**
 * What a sync of a large database costs a host: time beside `gzip -6` of the same file, memory, bytes. The whole way through a running
 * agent without Temporal, into a local S3 server. Memory is read from /proc: Linux alone.
 */
const MAIN = fileURLToPath(new URL('../dist/cli/akosha.cjs', import.meta.url));
const MB = 1e6;
const ACCESS = {
  accessKeyId: 'bench',
  secretAccessKey: 'bench-secret',
  bucket: 'bench',
  region: 'us-east-1',
};
/** An agent has loaded everything by then, and its first garbage is collected. */
const IDLE_MS = 8_000;
/** Peaks of a process as the kernel keeps them need no sampling; this is for those that come and go, and for sums. */
const SAMPLE_MS = 50;

const { values } = parseArgs({ options: { mb: { type: 'string', default: '300' } } });

const folder = await mkdtemp(join(tmpdir(), 'akosha-bench-'));
const server = await startS3Server({ dataFolder: join(folder, 's3'), ...ACCESS });
try {
  const database = join(folder, 'reflection.duckdb');
  await writeLargeDatabase(database, Number(values.mb) * MB);
  const small = await measure('sample', SAMPLE);
  const large = await measure('large', database);
  printTable([
    ['', 'raw MB', 'stored MB', 'ratio', 'gzip -6 s', 'sync s', 'snapshot s', 'transfer s', 'sync / gzip'],
    sizesAndTimes('sample', small),
    sizesAndTimes('made', large),
  ]);
  console.log();
  printTable([
    ['resident MB', 'agent idle', 'agent at most', 'above idle', 'reader at most'],
    memory('sample', small),
    memory('made', large),
  ]);
} finally {
  await server.stop();
  await rm(folder, { recursive: true, force: true });
}

/** Runs one sync of a database by an agent of its own. */
async function measure(name, database) {
  const dataDir = join(folder, name);
  const agent = spawn(process.execPath, [MAIN, 'agent', '--data-dir', dataDir], {
    stdio: 'ignore',
    env: {
      ...process.env,
      AKOSHA_TEMPORAL: 'off',
      AKOSHA_DATABASES: database,
      AKOSHA_OBJECT_STORE: `s3://${ACCESS.bucket}/${name}?endpoint=${encodeURIComponent(server.url)}&region=${ACCESS.region}`,
      AWS_ACCESS_KEY_ID: ACCESS.accessKeyId,
      AWS_SECRET_ACCESS_KEY: ACCESS.secretAccessKey,
    },
  });
  try {
    while (!existsSync(join(dataDir, 'run', 'agent.lock'))) await sleep(50);
    await sleep(IDLE_MS);
    const before = gzipSeconds(database);
    const memory = watchMemory(agent.pid);
    const steps = await timeSync(dataDir);
    memory.stop();
    const after = gzipSeconds(database);
    const { last_sync: last } = outboxStatus(dataDir);
    const raw = (await stat(database)).size;
    return { raw, stored: last.bytes, gzip: (before + after) / 2, ...steps, ...memory };
  } finally {
    agent.kill('SIGTERM');
    await once(agent, 'exit');
  }
}

/** As a session's end asks for it, until the manifest is acknowledged. Seconds. */
async function timeSync(dataDir) {
  const begun = performance.now();
  writeRequest(dataDir, { trigger: 'sync' });
  let snapshotDone;
  for (;;) {
    const { last_sync: last, last_error: error, in_progress: work } = outboxStatus(dataDir);
    if (error !== null) throw new Error(error);
    if (last !== null) break;
    if (work.some(({ step }) => step === 'files')) snapshotDone ??= performance.now();
    await sleep(20);
  }
  const ended = performance.now();
  snapshotDone ??= ended;
  return {
    sync: (ended - begun) / 1000,
    snapshot: (snapshotDone - begun) / 1000,
    transfer: (ended - snapshotDone) / 1000,
  };
}

function gzipSeconds(database) {
  const input = openSync(database, 'r');
  const begun = performance.now();
  const { status } = spawnSync('gzip', ['-6'], { stdio: [input, 'ignore', 'inherit'] });
  closeSync(input);
  if (status !== 0) throw new Error(`gzip ended with ${status}`);
  return (performance.now() - begun) / 1000;
}

/** The agent with all children but readers, and the largest reader. Bytes. */
function watchMemory(agent) {
  const watched = { idle: residentOf(agent).now, peak: 0, reader: 0, stop: () => clearInterval(timer) };
  const look = () => {
    let sum = 0;
    for (const { pid, isReader } of processTree(agent)) {
      const { now, most } = residentOf(pid);
      if (isReader) watched.reader = Math.max(watched.reader, most);
      else sum += pid === agent ? most : now;
    }
    watched.peak = Math.max(watched.peak, sum);
  };
  const timer = setInterval(look, SAMPLE_MS);
  return watched;
}

function processTree(root) {
  const parents = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => [
      Number(name),
      Number(
        read(`/proc/${name}/stat`)
          .replace(/^.*\) /s, '')
          .split(' ')[1],
      ),
    ]);
  const tree = [{ pid: root, isReader: false }];
  for (const { pid: parent, isReader } of tree) {
    for (const [pid, of] of parents) {
      if (of !== parent) continue;
      tree.push({ pid, isReader: isReader || read(`/proc/${pid}/cmdline`).includes('reader-child') });
    }
  }
  return tree;
}

/** Now, and the most since it began. Nothing of one that has ended. */
function residentOf(pid) {
  const status = read(`/proc/${pid}/status`);
  const of = (name) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0) * 1024;
  return { now: of('VmRSS'), most: of('VmHWM') };
}

function read(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function sizesAndTimes(name, { raw, stored, gzip, sync, snapshot, transfer }) {
  const seconds = [gzip, sync, snapshot, transfer].map((value) => value.toFixed(2));
  return [name, mb(raw), mb(stored), (raw / stored).toFixed(2), ...seconds, (sync / gzip).toFixed(2)];
}

function memory(name, { idle, peak, reader }) {
  return [name, mb(idle), mb(peak), mb(peak - idle), mb(reader)];
}

function mb(bytes) {
  return (bytes / MB).toFixed(1);
}

// Uploads ingested a minute, by the whole program (Temporal, journal, receipts, everything durable), against the loop a user
// would write instead: for each upload, gunzip it, attach it, and upsert its rows into one DuckDB table.
//   node bench/ingest.mjs --uploads 300 --rows 200
import { spawn } from 'node:child_process';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { createGunzip } from 'node:zlib';
import { openObjectStore } from '../dist/objects/index.js';
import { ReaderPool } from '../dist/reader/index.js';
import { openHost, syncDirectly } from '../dist/upload/index.js';
import { NOW, printTable } from './support.mjs';
import { withDuckDB, writeDatabase } from './synthetic.mjs';

const MAIN = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));

const { values } = parseArgs({
  options: { uploads: { type: 'string', default: '300' }, rows: { type: 'string', default: '200' } },
});
const [uploads, rows] = [Number(values.uploads), Number(values.rows)];

const folder = await mkdtemp(join(tmpdir(), 'akosha-bench-'));
try {
  console.log(`${uploads} uploads of ${rows} conversations each, one per system`);
  await makeUploads();
  const loop = await timeLoop();
  const program = await timeProgram();
  printTable([
    ['', 'seconds', 'uploads a minute'],
    ['akosha', program.toFixed(1), Math.round((uploads / program) * 60)],
    ['gunzip, attach, upsert', loop.toFixed(1), Math.round((uploads / loop) * 60)],
    ['ratio of the times', (program / loop).toFixed(2), ''],
  ]);
} finally {
  await rm(folder, { recursive: true, force: true });
}

/** The same database for every system: what differs is whose it is. */
async function makeUploads() {
  const database = join(folder, 'reflection.duckdb');
  await writeDatabase(database, rows);
  const store = await openObjectStore(pathToFileURL(join(folder, 'data/objects')).href);
  const reader = new ReaderPool({ size: 2, memoryLimitMb: 512, jobTimeoutMs: 600_000 });
  for (let i = 0; i < uploads; i++) {
    const systemId = `system-${String(i).padStart(5, '0')}`;
    const host = openHost({
      systemId,
      dataDir: join(folder, 'hosts', systemId),
      databases: [database],
      uploads: store,
      reader,
      timeZone: 'UTC',
      now: () => NOW,
    });
    await syncDirectly(host, { uploadId: `bench-${i}` });
    host.close();
  }
  await reader.close();
  await store.close();
}

async function timeLoop() {
  const started = performance.now();
  await withDuckDB(join(folder, 'loop.duckdb'), async (connection) => {
    await connection.run(
      `CREATE TABLE memories (system_id VARCHAR, id VARCHAR, content VARCHAR, embedding FLOAT[384], project VARCHAR,
         timestamp TIMESTAMP, PRIMARY KEY (system_id, id))`,
    );
    const systems = join(folder, 'data/objects/systems');
    for (const systemId of await readdir(systems)) {
      for (const upload of await readdir(join(systems, systemId, 'uploads'))) {
        const raw = join(folder, 'loop-input.duckdb');
        const stored = join(systems, systemId, 'uploads', upload, 'reflection.duckdb');
        await pipeline(createReadStream(stored), createGunzip(), createWriteStream(raw));
        await connection.run(`ATTACH '${raw}' AS input (READ_ONLY)`);
        await connection.run(
          `INSERT OR REPLACE INTO memories SELECT '${systemId}', * FROM input.conversations_v2`,
        );
        await connection.run('DETACH input');
      }
    }
  });
  return (performance.now() - started) / 1000;
}

async function timeProgram() {
  const log = createWriteStream(join(folder, 'akosha.log'));
  const up = spawn(process.execPath, [MAIN, 'up'], {
    env: {
      ...process.env,
      AKOSHA_DATA_DIR: join(folder, 'data'),
      AKOSHA_PORT: '0',
      AKOSHA_TEMPORAL_PORT: '0',
      AKOSHA_TEMPORAL_UI_PORT: '0',
      AKOSHA_SYSTEM_ID: 'bench',
      AKOSHA_CLOCK: new Date(NOW).toISOString(),
      AKOSHA_POLL_INTERVAL_SECONDS: '1',
      AKOSHA_LOG_LEVEL: 'warn',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  up.stdout.pipe(log, { end: false });
  up.stderr.pipe(log, { end: false });
  try {
    return await timeInbox(up);
  } finally {
    up.kill('SIGTERM');
    if (up.exitCode === null) await new Promise((resolve) => up.once('exit', resolve));
  }
}

/** From the first look at a full inbox to an empty one; the program's start is not counted. */
async function timeInbox(up) {
  const inbox = join(folder, 'data/objects/inbox');
  await mkdir(inbox, { recursive: true });
  const left = async () => (await readdir(inbox).catch(() => [])).length;
  while ((await left()) === uploads) {
    if (up.exitCode !== null) throw new Error('akosha up ended');
    await sleep(20);
  }
  const started = performance.now();
  while ((await left()) > 0) await sleep(50);
  return (performance.now() - started) / 1000;
}

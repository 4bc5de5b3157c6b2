// What the HTTP method delivers to the original Akosha server (0.24.5), and what it says of the rest:
//
//   node bench/original-akosha.mjs --originals DIR     builds and starts it there with ../shared/tools/originals (root, once 2 GB)
//   node bench/original-akosha.mjs --url URL           one that runs already
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { openObjectStore } from '../dist/objects/index.js';
import { ReaderPool } from '../dist/reader/index.js';
import { deliverUpload, openHost, prepareUpload } from '../dist/upload/index.js';
import { NOW } from './support.mjs';

const TOOL = fileURLToPath(new URL('../../shared/tools/originals', import.meta.url));
const SAMPLES = fileURLToPath(new URL('../samples/session-buddy', import.meta.url));
const PORT = 18_682;

const { values } = parseArgs({ options: { originals: { type: 'string' }, url: { type: 'string' } } });
if (values.url === undefined && values.originals === undefined) {
  console.error('give --originals DIR or --url URL');
  process.exit(2);
}

/** Starts the original server; returns how to end it, and what it uses of this machine. */
function start(folder) {
  if (spawnSync(TOOL, [folder, 'setup'], { stdio: 'inherit' }).status !== 0) process.exit(1);
  const command = ['/opt/akosha/bin/akosha', 'start', '--host', '127.0.0.1', '--port', String(PORT)];
  const server = spawn(TOOL, [folder, 'run', ...command], { stdio: 'ignore' });
  const ended = once(server, 'exit');
  return async () => {
    server.kill('SIGTERM');
    await ended;
    spawnSync(TOOL, [folder, 'unmount'], { stdio: 'inherit' });
  };
}

async function waitFor(url) {
  for (let tries = 0; tries < 120; tries++) {
    // Its health is bad where nothing else of its kind runs: any answer will do.
    const answered = await fetch(`${url}/health`).then(
      () => true,
      () => false,
    );
    if (answered) return;
    await sleep(1_000);
  }
  throw new Error(`${url} did not answer within two minutes`);
}

async function syncTwice(url) {
  const folder = await mkdtemp(join(tmpdir(), 'akosha-bench-'));
  const reader = new ReaderPool({ size: 1, memoryLimitMb: 512, jobTimeoutMs: 600_000 });
  const host = openHost({
    systemId: 'bench-host',
    dataDir: join(folder, 'data'),
    databases: ['reflection.duckdb', 'knowledge_graph.duckdb'].map((name) => join(SAMPLES, name)),
    uploads: await openObjectStore(pathToFileURL(join(folder, 'objects')).href),
    reader,
    timeZone: 'UTC',
    now: () => NOW,
    methods: { objectStoreGiven: false, http: { url, timeoutMs: 60_000 } },
    rules: { forceMethod: 'http', enableFallback: true, maxRetries: 0, retryBackoffMs: 2_000 },
  });
  try {
    await prepareUpload(host, { uploadId: 'bench-1' });
    for (const sync of ['first', 'second']) {
      const began = performance.now();
      const outcome = await deliverUpload(host, 'bench-1').catch((error) => error);
      console.log(
        `${sync} sync, ${Math.round(performance.now() - began)} ms: ${outcome.message ?? 'delivered'}`,
      );
      console.table(outcome.details?.rows ?? outcome.rows);
    }
  } finally {
    host.close();
    await reader.close();
    await rm(folder, { recursive: true, force: true });
  }
}

const stop = values.url === undefined ? start(values.originals) : () => Promise.resolve();
try {
  const url = values.url ?? `http://127.0.0.1:${PORT}`;
  await waitFor(url);
  await syncTwice(url);
} finally {
  await stop();
}

import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/**
 * How long the end of a session takes, from process start to exit: with an agent running, with none (it starts one), and beside them a
 * Node.js that does nothing. `--without-bundle` measures the same program as separate modules too.
 */
const RUNS = 200;
/** The agent takes an upload up within a second; a session that ends right after another would be measured beside that work. */
const SETTLE_MS = 1_000;
const COMMAND = fileURLToPath(new URL('../dist/cli/akosha.cjs', import.meta.url));
const UNBUNDLED = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));

const withAgent = await mkdtemp(join(tmpdir(), 'akosha-bench-'));
const withoutAgent = await mkdtemp(join(tmpdir(), 'akosha-bench-'));
const agent = spawn(process.execPath, [COMMAND, 'agent', '--data-dir', withAgent], {
  env: environment(withAgent),
  stdio: 'ignore',
});
const rows = { 'node -e 0': [], 'an agent runs': [], 'no agent runs': [] };
if (process.argv.includes('--without-bundle')) rows['without the bundle'] = [];
try {
  await settled(join(withAgent, 'run', 'agent.lock'));
  for (let run = 0; run < RUNS; run += 1) {
    await measure();
    if (process.stderr.isTTY) process.stderr.write(`\r${run + 1} of ${RUNS}`);
  }
  console.log(`${RUNS} runs of each, in turns; milliseconds`);
  for (const [name, times] of Object.entries(rows)) {
    console.log(`${name.padEnd(20)} p50 ${percentile(times, 0.5)}  p95 ${percentile(times, 0.95)}`);
  }
} finally {
  agent.kill('SIGTERM');
  await new Promise((resolve) => agent.once('exit', resolve));
  await Promise.all([withAgent, withoutAgent].map((folder) => rm(folder, { recursive: true, force: true })));
}

async function measure() {
  rows['node -e 0'].push(timed(['-e', '0'], withAgent));
  rows['an agent runs'].push(timed([COMMAND, 'session-end', '--data-dir', withAgent], withAgent));
  await sleep(SETTLE_MS);
  rows['no agent runs'].push(timed([COMMAND, 'session-end', '--data-dir', withoutAgent], withoutAgent));
  await endDetachedAgent();
  if (rows['without the bundle'] === undefined) return;
  rows['without the bundle'].push(timed([UNBUNDLED, 'session-end', '--data-dir', withAgent], withAgent));
  await sleep(SETTLE_MS);
}

/** Ends the agent that the last call started, so that the next one has to start it again. */
async function endDetachedAgent() {
  const lock = join(withoutAgent, 'run', 'detached-agent.lock');
  while (!existsSync(lock)) await sleep(20);
  process.kill(Number.parseInt(readFileSync(lock, 'utf8'), 10), 'SIGTERM');
  while (existsSync(lock)) await sleep(20);
}

async function settled(lock) {
  while (!existsSync(lock)) await sleep(50);
  await sleep(SETTLE_MS);
}

/** Without NODE_EXTRA_CA_CERTS: where it is set, every start of Node.js reads those certificates, before any program begins. */
function environment(folder) {
  const own = { ...process.env };
  delete own.NODE_EXTRA_CA_CERTS;
  return {
    ...own,
    AKOSHA_TEMPORAL: 'off',
    AKOSHA_DATABASES: join(folder, 'none.duckdb'),
    AKOSHA_OBJECT_STORE: `file://${folder}/objects`,
  };
}

function timed(args, folder) {
  const started = performance.now();
  const { status, stderr } = spawnSync(process.execPath, args, { env: environment(folder) });
  if (status !== 0) throw new Error(`${args.join(' ')} exited ${status}: ${stderr}`);
  return performance.now() - started;
}

function percentile(times, share) {
  return times.toSorted((a, b) => a - b)[Math.floor(times.length * share)].toFixed(1);
}

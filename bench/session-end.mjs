import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/**
 * How long the end of a session takes, from process start to exit, with an agent running, beside a Node.js that does nothing, and beside
 * the same program without its bundle.
 */
const RUNS = 200;
const COMMAND = fileURLToPath(new URL('../dist/cli/akosha.cjs', import.meta.url));
const UNBUNDLED = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));

const folder = await mkdtemp(join(tmpdir(), 'akosha-bench-'));
const env = {
  ...process.env,
  AKOSHA_TEMPORAL: 'off',
  AKOSHA_DATABASES: join(folder, 'none.duckdb'),
  AKOSHA_OBJECT_STORE: `file://${folder}/objects`,
};
const agent = spawn(process.execPath, [COMMAND, 'agent', '--data-dir', folder], { env, stdio: 'ignore' });
try {
  while (!existsSync(join(folder, 'run', 'agent.lock'))) await sleep(50);
  await sleep(2_000);
  const nothing = [];
  const sessionEnd = [];
  const unbundled = [];
  for (let run = 0; run < RUNS; run += 1) {
    nothing.push(timed(['-e', '0']));
    sessionEnd.push(timed([COMMAND, 'session-end', '--data-dir', folder]));
    unbundled.push(timed([UNBUNDLED, 'session-end', '--data-dir', folder]));
  }
  const rows = Object.entries({
    'node -e 0': nothing,
    'akosha session-end': sessionEnd,
    'without the bundle': unbundled,
  });
  console.log(`${RUNS} runs of each, in turns; milliseconds`);
  for (const [name, times] of rows) {
    console.log(`${name.padEnd(20)} p50 ${percentile(times, 0.5)}  p95 ${percentile(times, 0.95)}`);
  }
} finally {
  agent.kill('SIGTERM');
  await new Promise((resolve) => agent.once('exit', resolve));
  await rm(folder, { recursive: true, force: true });
}

function timed(args) {
  const started = performance.now();
  const { status, stderr } = spawnSync(process.execPath, args, { env });
  if (status !== 0) throw new Error(`${args.join(' ')} exited ${status}: ${stderr}`);
  return performance.now() - started;
}

function percentile(times, share) {
  return times.toSorted((a, b) => a - b)[Math.floor(times.length * share)].toFixed(1);
}

// The main job, from a bare clone to a searched store: `npm run quickstart`, `npm run quickstart -- --keep`.
// Everything happens through the program's own commands, on a fresh data folder, with the clock fixed to the sample's day.
import { execFile, spawn } from 'node:child_process';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { createWriteStream } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { runScript, setup } from './setup.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const MAIN = join(ROOT, 'dist/cli/akosha.cjs');
const CLOCK = '2026-11-22T12:00:00Z';
const QUERY = 'how do we rotate the keys that sign our access tokens';
/** The program is ready within seconds; a cold disk and a busy machine were seen to take ten times that. */
const START_TIMEOUT_MS = 90_000;

await runScript(async () => {
  await setup();
  const started = Date.now();
  const demo = await prepare();
  const up = startProgram(demo);
  let kept = false;
  try {
    await waitUntilReady(demo, up);
    await show(demo);
    say(`\nDone in ${((Date.now() - started) / 1000).toFixed(1)} s after set-up.`);
    kept = process.argv.includes('--keep');
    if (kept) await keep(demo, up);
  } finally {
    if (!kept) await stop(up);
    await rm(demo.folder, { recursive: true, force: true });
  }
});

async function prepare() {
  const folder = await mkdtemp(join(tmpdir(), 'akosha-quickstart-'));
  await cp(join(ROOT, 'samples/session-buddy'), join(folder, 'host'), { recursive: true });
  // Built by the set-up.
  const { findServer } = await import('../dist/servers/index.js');
  const withS3 = (await findServer('weed')) !== undefined;
  const databases = ['reflection.duckdb', 'knowledge_graph.duckdb'].map((name) => join(folder, 'host', name));
  const environment = {
    ...process.env,
    AKOSHA_DATA_DIR: join(folder, 'data'),
    AKOSHA_SYSTEM_ID: 'quickstart-laptop',
    AKOSHA_DATABASES: databases.join(','),
    AKOSHA_CLOCK: CLOCK,
    AKOSHA_TIME_ZONE: 'UTC',
    AKOSHA_PORT: process.env.AKOSHA_PORT ?? '0',
    AKOSHA_TEMPORAL_PORT: process.env.AKOSHA_TEMPORAL_PORT ?? '0',
    AKOSHA_TEMPORAL_UI_PORT: process.env.AKOSHA_TEMPORAL_UI_PORT ?? '0',
  };
  return { folder, environment, withS3, log: join(folder, 'akosha.log') };
}

function startProgram({ environment, withS3, log }) {
  say(withS3 ? 'akosha up --s3' : 'akosha up   (no S3 server at hand: objects go to a folder)');
  const child = spawn(process.execPath, [MAIN, 'up', ...(withS3 ? ['--s3'] : [])], {
    env: environment,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const file = createWriteStream(log);
  child.stdout.pipe(file, { end: false });
  child.stderr.pipe(file, { end: false });
  return child;
}

async function waitUntilReady(demo, up) {
  const deadline = Date.now() + START_TIMEOUT_MS;
  for (;;) {
    if (up.exitCode !== null)
      throw new Error(`akosha up ended with exit code ${up.exitCode}; its log is ${demo.log}`);
    if (
      await akosha(demo, 'status', '--ready').then(
        () => true,
        () => false,
      )
    )
      return;
    if (Date.now() > deadline) throw new Error(`akosha up is not ready; its log is ${demo.log}`);
    await sleep(200);
  }
}

async function show(demo) {
  const status = await akosha(demo, 'status');
  say(`  web API      ${status.api_url}`);
  say(`  Temporal UI  ${status.temporal_ui_url}`);
  say(`  objects      ${status.object_store}`);

  say('\nakosha sync --wait');
  const sync = await akosha(demo, 'sync', '--wait');
  say(`  upload ${sync.upload_id}: ${sync.files_uploaded.join(', ')} (${sync.bytes_transferred} bytes)`);
  say(
    `  ${sync.status}: ${sync.rows.new} new, ${sync.rows.changed} changed, ${sync.rows.unchanged} unchanged`,
  );

  say(`\nakosha search "${QUERY}"`);
  showResults(await akosha(demo, 'search', QUERY, '--limit', '3'));

  say(`\nakosha tiers run --wait   (the clock says ${CLOCK})`);
  const run = await akosha(demo, 'tiers', 'run', '--wait');
  say(
    `  ${run.rows_moved} rows moved: hot to warm ${run.moved.hot_to_warm}, warm to cold ${run.moved.warm_to_cold}`,
  );
  const { tiers } = await akosha(demo, 'tiers');
  for (const [tier, { rows, kinds }] of Object.entries(tiers)) {
    const parts = Object.entries(kinds).map(([kind, count]) => `${count} ${kind}`);
    say(`  ${tier.padEnd(4)}  ${String(rows).padStart(3)} rows: ${parts.join(', ')}`);
  }

  for (const tier of ['hot', 'warm', 'cold']) {
    say(`\nakosha search "${QUERY}" --tier ${tier}`);
    const answer = await akosha(demo, 'search', QUERY, '--tier', tier, '--limit', '2');
    if (answer.results.length === 0) throw new Error(`the ${tier} tier found nothing`);
    showResults(answer);
  }
}

function showResults({ results, partial, embedding }) {
  for (const { created_at: at, tier, kind, content, matched } of results) {
    const text = content.replaceAll(/\s+/g, ' ').slice(0, 90);
    say(`  ${at.slice(0, 10)}  ${tier.padEnd(4)}  ${kind.padEnd(12)}  ${text}  [${matched.join(', ')}]`);
  }
  for (const { tier, reason } of partial) say(`  incomplete: ${tier}: ${reason}`);
  if (embedding && !embedding.available) say(`  by words alone: ${embedding.reason}`);
}

async function keep({ log }, up) {
  say(`Still running, process ${up.pid}; its log is ${log}. Ctrl-C ends it.`);
  const end = () => up.kill('SIGTERM');
  process.once('SIGINT', end);
  process.once('SIGTERM', end);
  await new Promise((resolve) => up.once('exit', resolve));
}

async function stop(up) {
  if (up.exitCode !== null) return;
  up.kill('SIGTERM');
  await new Promise((resolve) => up.once('exit', resolve));
  if (up.exitCode !== 0) throw new Error(`akosha up ended with exit code ${up.exitCode}`);
}

/** Runs a command of the program and parses its answer. */
function akosha({ environment }, ...args) {
  return new Promise((resolve, reject) => {
    execFile(
      process.execPath,
      [MAIN, ...args, '--json'],
      { env: environment, maxBuffer: 2 ** 26 },
      (error, stdout, stderr) => {
        if (error) reject(new Error(`akosha ${args.join(' ')}: ${stderr || stdout}`));
        else resolve(JSON.parse(stdout));
      },
    );
  });
}

function say(line) {
  console.log(line);
}

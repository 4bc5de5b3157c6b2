import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { findRunning, isRunning } from '../../src/runtime/index.js';
import { detachedAgentLockFile, ownerOf } from '../../src/runtime/lock-owner.js';
import { eventually } from '../support/eventually.js';
import { Program } from '../support/program.js';

/** By an operator, before the outage. */
const PAUSED = 'akosha-tier-transition';

/** What one graph of the sample holds. */
const MEMORIES = 135;

/** The third knows nothing of Temporal, and is what the hosts of a large fleet are. */
const HOSTS = { 'host-1': 'on', 'host-2': 'on', 'host-3': 'off' } as const;

interface Receipt {
  system_id: string;
  status: string;
  rows: { new: number; changed: number; unchanged: number };
}

it('sessions that end on three hosts while Temporal is stopped arrive, each once, and nothing comes twice when it goes on', async () => {
  const program = await Program.create({ AKOSHA_SYSTEM_ID: 'server', AKOSHA_POLL_INTERVAL_SECONDS: '1' });
  onTestFinished(() => program.destroy());
  await program.up();
  const pause = await program.run(['schedules', 'pause', PAUSED, '--reason', 'the bucket is being moved']);
  expect(pause.code, pause.stderr).toBe(0);
  // The pause outlives the server, which asks for pauses when it starts.
  expect(await program.signal('SIGTERM')).toBe(0);
  await program.up();
  await eventually(async () => {
    expect(await readFile(path.join(program.dataDir, 'outage/paused.json'), 'utf8')).toContain(PAUSED);
  }, 20_000);
  const address = (await findRunning(program.dataDir))?.temporal_address ?? '';
  const temporal = (await program.servers()).find(({ name }) => name === 'temporal')?.pid ?? 0;
  const objects = path.join(program.dataDir, 'objects');
  const dataDirOf = (host: string): string => path.join(program.dataDir, host);
  // Ended before the folder that they work in goes.
  onTestFinished(() =>
    Promise.all(Object.keys(HOSTS).map((host) => stopAgent(dataDirOf(host)))).then(() => undefined),
  );

  onTestFinished(() => void process.kill(temporal, 'SIGCONT'));
  process.kill(temporal, 'SIGSTOP');
  const endSession = ([host, knowsTemporal]: [string, string]) =>
    program.run(['session-end', '--data-dir', dataDirOf(host)], {
      AKOSHA_SYSTEM_ID: host,
      AKOSHA_DATABASES: path.join(program.dataDir, 'host/knowledge_graph.duckdb'),
      AKOSHA_OBJECT_STORE: `file://${objects}`,
      AKOSHA_TEMPORAL: knowsTemporal,
      TEMPORAL_ADDRESS: address,
    });
  for (let sessions = 0; sessions < 2; sessions += 1) {
    const ended = await Promise.all(Object.entries(HOSTS).map(endSession));
    expect(ended.map(({ code }) => code)).toEqual([0, 0, 0]);
  }
  // Away for so long that those that know it go on without.
  await eventually(async () => expect(await named(objects, 'manifest.json')).toHaveLength(3), 60_000);
  // The server goes on without it too.
  await eventually(async () => expect(await named(objects, 'receipt.json')).toHaveLength(3), 60_000);

  await eventually(async () => {
    const { mode, bootstrap } = await status(program);
    expect(mode).toBe('bootstrap');
    expect(bootstrap?.done.walks).toBe(1);
  }, 30_000);
  await eventually(
    async () => expect(await temporalBreaker(program)).toMatchObject({ state: 'open' }),
    30_000,
  );

  // Due every hour since it was last done, which was never.
  expect((await status(program)).bootstrap?.done.transitions).toBe(0);

  process.kill(temporal, 'SIGCONT');
  // Not a minute later, as the next try of a call would be: the server's own question comes every second.
  await eventually(
    async () => expect(await temporalBreaker(program)).toMatchObject({ state: 'closed', failures: 0 }),
    15_000,
  );
  await eventually(async () => {
    expect(await named(objects, 'receipt.json')).toHaveLength((await named(objects, 'manifest.json')).length);
  }, 60_000);
  await eventually(async () => expect(await status(program)).toMatchObject({ bootstrap: null }), 30_000);
  const { schedules } = await program.json<{ schedules: unknown[] }>('schedules', 'list');
  expect(schedules).toContainEqual(
    expect.objectContaining({ schedule_id: PAUSED, paused: true, note: 'the bucket is being moved' }),
  );
  const receipts = await Promise.all((await named(objects, 'receipt.json')).map(readReceipt));
  for (const host of Object.keys(HOSTS)) {
    const own = receipts.filter(({ system_id: id }) => id === host);
    expect(own.every(({ status }) => status === 'ingested')).toBe(true);
    expect(own.reduce((sum, { rows }) => sum + rows.new, 0)).toBe(MEMORIES);
  }
  const { tiers } = await program.json<{ tiers: Record<string, { rows: number }> }>('tiers');
  expect(Object.values(tiers).reduce((sum, { rows }) => sum + rows, 0)).toBe(3 * MEMORIES);
}, 180_000);

interface Status {
  mode: string;
  bootstrap: { done: { walks: number; transitions: number } } | null;
}

async function status(program: Program): Promise<Status> {
  const running = await findRunning(program.dataDir);
  return (await fetch(`${running?.api_url}/api/v1/status`)).json() as Promise<Status>;
}

async function temporalBreaker(program: Program): Promise<unknown> {
  const running = await findRunning(program.dataDir);
  const response = await fetch(`${running?.api_url}/api/v1/circuit_breakers`);
  const { circuit_breakers: all } = (await response.json()) as { circuit_breakers: { name: string }[] };
  return all.find(({ name }) => name === 'temporal');
}

async function named(folder: string, name: string): Promise<string[]> {
  const files = await readdir(path.join(folder, 'systems'), { recursive: true }).catch(() => []);
  return files
    .filter((file) => path.basename(file) === name)
    .map((file) => path.join(folder, 'systems', file));
}

async function readReceipt(file: string): Promise<Receipt> {
  return JSON.parse(await readFile(file, 'utf8')) as Receipt;
}

/** The one that a session's end started. */
async function stopAgent(dataDir: string): Promise<void> {
  const owner = ownerOf(await readFile(detachedAgentLockFile(dataDir), 'utf8').catch(() => ''));
  if (owner === undefined || !isRunning(owner)) return;
  process.kill(owner.pid, 'SIGTERM');
  await eventually(() => expect(isRunning(owner)).toBe(false), 30_000);
}

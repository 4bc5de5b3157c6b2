import { execFile } from 'node:child_process';
import { cp, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { untilNotNeeded } from '../../src/cli/detached-agent.js';
import { isRunning, takeLock } from '../../src/runtime/index.js';
import { agentLockFile, detachedAgentLockFile, ownerOf } from '../../src/runtime/lock-owner.js';
import { outboxStatus, writeRequest } from '../../src/upload/index.js';

const ROOT = path.resolve(import.meta.dirname, '../..');

let folder: string;
let dataDir: string;
let environment: Record<string, string | undefined>;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'akosha-session-'));
  dataDir = path.join(folder, 'data');
  await cp(path.join(ROOT, 'samples/session-buddy'), path.join(folder, 'host'), { recursive: true });
  const { PATH, HOME } = process.env;
  environment = {
    PATH,
    HOME,
    AKOSHA_TEMPORAL: 'off',
    AKOSHA_SYSTEM_ID: 'laptop-1',
    AKOSHA_OBJECT_STORE: `file://${folder}/objects`,
    AKOSHA_DATABASES: `${folder}/host/knowledge_graph.duckdb`,
  };
});

afterEach(async () => {
  await stopAgent();
  await rm(folder, { recursive: true, force: true });
});

interface Result {
  code: number | null;
  stdout: string;
  stderr: string;
}

function sessionEnd(args: readonly string[], more: Record<string, string> = {}): Promise<Result> {
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [path.join(ROOT, 'dist/cli/akosha.cjs'), 'session-end', ...args],
      { env: { ...environment, ...more }, cwd: folder },
      (_error, stdout, stderr) => {
        resolve({ code: child.exitCode, stdout, stderr });
      },
    );
  });
}

async function detachedAgent(): Promise<number | undefined> {
  const text = await readFile(detachedAgentLockFile(dataDir), 'utf8').catch(() => '');
  const owner = ownerOf(text);
  return owner !== undefined && isRunning(owner) ? owner.pid : undefined;
}

async function stopAgent(): Promise<void> {
  const pid = await detachedAgent();
  if (pid === undefined) return;
  process.kill(pid, 'SIGTERM');
  while ((await detachedAgent()) !== undefined) await sleep(50);
}

async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 45_000;
  while (!(await holds())) {
    if (Date.now() > deadline) {
      throw new Error(
        `not ${what}: ${await readFile(path.join(dataDir, 'agent/agent.log'), 'utf8').catch(String)}`,
      );
    }
    await sleep(100);
  }
}

/** Processes that are agents of this data folder. */
async function agents(): Promise<number> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(
    pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')),
  );
  return lines.filter((line) => line.includes('--detached') && line.includes(dataDir)).length;
}

describe('the end of a session', () => {
  it('starts one agent, however many end at once, and all of it arrives', async () => {
    const results = await Promise.all([1, 2, 3].map(() => sessionEnd(['--data-dir', dataDir])));
    expect(results).toEqual([1, 2, 3].map(() => ({ code: 0, stdout: '', stderr: '' })));
    await until('delivered', () => {
      const { last_sync: last, pending } = outboxStatus(dataDir);
      return last !== null && pending.requests + pending.uploads === 0;
    });
    await until('alone', async () => (await agents()) === 1);
    const uploads = await readdir(path.join(folder, 'objects/systems/laptop-1/uploads'));
    for (const upload of uploads) {
      expect(await readdir(path.join(folder, 'objects/systems/laptop-1/uploads', upload))).toContain(
        'manifest.json',
      );
    }
    expect(uploads.length).toBeGreaterThan(0);
    await stopAgent();
    await until('gone', async () => (await agents()) === 0);
  });

  it('starts none where one runs', async () => {
    const unlock = await takeLock(agentLockFile(dataDir));
    const { code, stdout } = await sessionEnd(['--json', '--data-dir', dataDir]);
    await unlock();
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual({ request_id: 1, agent: 'running' });
    expect(await agents()).toBe(0);
    expect(outboxStatus(dataDir).pending.requests).toBe(1);
  });

  it('does nothing where it is switched off, whichever way it is called', async () => {
    const off = { AKOSHA_UPLOAD_ON_SESSION_END: 'false' };
    expect(await sessionEnd(['--data-dir', dataDir], off)).toEqual({ code: 0, stdout: '', stderr: '' });
    const { stdout } = await sessionEnd(['--json', '--data-dir', dataDir], off);
    expect(JSON.parse(stdout)).toEqual({ request_id: null, agent: 'off' });
    expect(outboxStatus(dataDir).pending.requests).toBe(0);
    expect(await agents()).toBe(0);
  });

  it('fails where the row cannot be written', async () => {
    const { code, stderr } = await sessionEnd([
      '--data-dir',
      path.join(folder, 'host/knowledge_graph.duckdb'),
    ]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^akosha: /);
  });
});

describe('an agent that a session’s end started', () => {
  it('ends when there has been nothing to do for a while', async () => {
    const signal = AbortSignal.timeout(20_000);
    await untilNotNeeded(dataDir, signal, 1);
    expect(signal.aborted).toBe(false);
  });

  it('stays while something waits, and makes way for an agent that lasts', async () => {
    writeRequest(dataDir, { trigger: 'session-end' });
    let ended = false;
    const end = untilNotNeeded(dataDir, AbortSignal.timeout(20_000), 1).then(() => (ended = true));
    await sleep(1_500);
    expect(ended).toBe(false);
    const unlock = await takeLock(agentLockFile(dataDir));
    await end;
    await unlock();
  });
});

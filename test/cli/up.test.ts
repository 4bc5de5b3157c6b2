import { mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EMBEDDING_MODEL } from '../../src/memory/index.js';
import { isRunning } from '../../src/runtime/index.js';
import { modelDirectory } from '../search/embedding/support.js';
import { Program } from '../support/program.js';

interface Setting {
  name: string;
  value: string;
  source: string;
}

interface Doctor {
  checks: { check: string; status: string; detail: string }[];
}

interface Embedding {
  enabled: boolean;
  model: string;
  move: object | null;
}

const OTHER_MODEL = 'second-model';

/** A folder of models with one in it: the one that there is, by another name. */
async function otherModels(folder: string): Promise<string> {
  const models = join(folder, 'models');
  await mkdir(models);
  await symlink(await modelDirectory(), join(models, OTHER_MODEL));
  return models;
}

describe('akosha up --s3, and what other commands know of it', () => {
  let program: Program;

  beforeAll(async () => {
    program = await Program.create();
    await program.up({ AKOSHA_MODELS_DIR: await otherModels(program.dataDir) }, ['--s3']);
  }, 120_000);
  afterAll(() => program.destroy(), 60_000);

  it('config tells the object store and the Temporal that are in use', async () => {
    const { settings, temporal, running } = await program.json<{
      settings: Setting[];
      temporal: Setting[];
      running: { pid: number };
    }>('config');
    const find = (name: string) => [...settings, ...temporal].find((setting) => setting.name === name);
    const [server] = (await program.servers()).filter(({ name }) => name === 'temporal');
    for (const name of ['object_store', 'archive_store'])
      expect(find(name)).toMatchObject({
        value: expect.stringMatching(/^s3:\/\/akosha\?/),
        source: 'running',
      });
    expect(find('temporal_address')).toMatchObject({
      value: `127.0.0.1:${server?.ports['main']}`,
      source: 'running',
    });
    expect(find('temporal_namespace')).toMatchObject({ value: 'default', source: 'default' });
    expect(running.pid).toBe(program.pid);
    const { stdout } = await program.run(['config']);
    expect(stdout).toMatch(/^object_store +s3:\S+ +running +AKOSHA_OBJECT_STORE$/m);
    expect(stdout).toMatch(/^temporal_api_key +- +default +TEMPORAL_API_KEY$/m);
  });

  it('doctor looks at the object store and the API that are in use', async () => {
    const { checks } = await program.json<Doctor>('doctor');
    expect(checks).toContainEqual(
      expect.objectContaining({
        check: 'object store',
        status: 'ok',
        detail: expect.stringMatching(
          new RegExp(`^s3://akosha\\?.* \\(in use by process ${program.pid}\\)$`),
        ),
      }),
    );
    expect(checks.find(({ check }) => check === 'API')).toMatchObject({ status: 'ok' });
  });

  it('reembed moves the store to another model, and refuses one that is not there', async () => {
    const before = await program.json<Embedding>('reembed', '--status');
    expect(before).toMatchObject({ enabled: true, model: EMBEDDING_MODEL, move: null });
    const missing = await program.run(['reembed', '--model', 'absent']);
    expect(missing).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/absent cannot be used: .*AKOSHA_MODELS_DIR/),
    });
    const { code, stdout } = await program.run(['reembed', '--model', OTHER_MODEL, '--wait']);
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: `searches go by ${OTHER_MODEL}; 0 memories without a vector of it\n`,
    });
    const { embedding } = await program.json<{ embedding: Embedding }>('status');
    expect(embedding).toMatchObject({ model: OTHER_MODEL, move: null, failure: null });
    expect(await program.run(['reembed', '--status', '--wait'])).toMatchObject({ code: 2 });
  });

  it('status is text that people read', async () => {
    const { code, stdout } = await program.run(['status']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^temporal +address 127\.0\.0\.1:\d+, namespace default, connected yes$/m);
    expect(stdout).toMatch(/^uploads +pending 0, .*quarantined 0, dropped 0$/m);
    expect(stdout).not.toMatch(/[{}"[\]]/);
  });

  it('the log has no warnings of a start that went well', async () => {
    const warned = (await program.log()).split('\n').filter((line) => line.includes('"level":"warn"'));
    expect(warned).toEqual([]);
  });

  it('after a kill, status and doctor tell the servers that it left behind', async () => {
    await program.signal('SIGKILL');
    const servers = await program.servers();
    const { code, stdout } = await program.run(['status', '--json']);
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({
      running: false,
      data_dir: program.dataDir,
      // Of the host's own side the outbox still tells.
      outbox: { pending: { requests: 0, uploads: 0 } },
      servers: servers.map(({ name, pid }) => ({ name, pid, alive: true })),
    });
    expect(servers.map(({ name }) => name).sort()).toEqual(['temporal', 'weed']);
    // Also where a port is named at which nobody answers.
    const text = await program.run(['status'], { AKOSHA_PORT: '1' });
    expect(text).toMatchObject({ code: 1, stderr: '' });
    for (const { pid } of servers) expect(text.stdout).toContain(`left behind as process ${pid}`);
    const { checks } = await program.json<Doctor>('doctor');
    expect(checks.filter(({ check }) => check === 'left server')).toHaveLength(2);
  });

  it('a second signal ends its servers with it, within seconds', async () => {
    await program.up({}, ['--s3']);
    const servers = await program.servers();
    expect(servers.filter(isRunning)).toHaveLength(2);
    process.kill(program.pid, 'SIGTERM');
    await sleep(20);
    const forced = performance.now();
    expect(await program.signal('SIGINT')).toBe(130);
    expect(performance.now() - forced).toBeLessThan(8_000);
    expect(servers.filter(isRunning)).toEqual([]);
    expect(await program.log()).toMatch(
      /akosha: ending Temporal \(process \d+\) and SeaweedFS \(S3\) \(process/,
    );
    const { stdout } = await program.run(['status', '--json']);
    const left = (JSON.parse(stdout) as { servers: { alive: boolean }[] }).servers;
    expect(left.filter(({ alive }) => alive)).toEqual([]);
  }, 120_000);
});

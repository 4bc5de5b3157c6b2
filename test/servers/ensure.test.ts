import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Connection } from '@temporalio/client';
import { temporal as proto } from '@temporalio/proto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import {
  checkTemporal,
  ensureS3,
  ensureTemporal,
  serverRecordFile,
  type RunningServer,
} from '../../src/servers/index.js';
import { isRunning, processStart, signalProcess } from '../../src/runtime/index.js';
import { readRecords, writeRecord, type ServerRecord } from '../../src/servers/record.js';
import { TEST_S3_ACCESS } from '../support/servers.js';

const { IndexedValueType } = proto.api.enums.v1;
const PROGRAM = fileURLToPath(new URL('./program.mjs', import.meta.url));
const Printed = z.object({ pid: z.number(), adopted: z.boolean(), ports: z.object({ main: z.number() }) });

describe('servers that outlive the program', () => {
  let root: string;
  let dataFolder: string;
  const servers: RunningServer[] = [];
  const children: ChildProcess[] = [];

  async function temporal(options: { port?: number; dataFolder?: string } = {}): Promise<RunningServer> {
    const server = await ensureTemporal({ dataFolder, uiPort: null, ...options });
    servers.push(server);
    return server;
  }

  function record(folder = dataFolder): ServerRecord {
    const [only] = readRecords(serverRecordFile(folder));
    if (only === undefined) throw new Error('no server on record');
    return only;
  }

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'akosha-ensure-'));
    dataFolder = join(root, 'data');
  });
  afterEach(async () => {
    await Promise.all(servers.splice(0).map((server) => server.stop()));
    children.splice(0).forEach((child) => child.kill('SIGKILL'));
    await rm(root, { recursive: true });
  });

  it('are recorded when started and forgotten when stopped', async () => {
    const server = await temporal();
    expect(record()).toMatchObject({ name: 'temporal', pid: server.pid, ports: server.ports });
    await server.stop();
    expect(server.isRunning()).toBe(false);
    expect(readRecords(serverRecordFile(dataFolder))).toEqual([]);
  });

  it('are adopted after a kill -9 of the program, and serve on', async () => {
    const program = spawn(process.execPath, [PROGRAM, dataFolder], { stdio: ['ignore', 'pipe', 'inherit'] });
    children.push(program);
    const started = Printed.parse(JSON.parse(String(await once(program.stdout, 'data'))));
    expect(started.adopted).toBe(false);
    program.kill('SIGKILL');
    await once(program, 'exit');

    const server = await temporal();
    expect(server).toMatchObject({ pid: started.pid, ports: started.ports, adopted: true });
    await checkTemporal(server.url);
  });

  it('are started anew where they died too, with what they had kept', async () => {
    const first = await temporal();
    const firstConnection = await Connection.connect({ address: first.url });
    const searchAttributes = { KeptOverDeath: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD };
    await firstConnection.operatorService.addSearchAttributes({ namespace: 'default', searchAttributes });
    await firstConnection.close();
    signalProcess(record(), 'SIGKILL');
    await expect.poll(() => first.isRunning()).toBe(false);

    const second = await temporal();
    expect(second).toMatchObject({ adopted: false });
    expect(record().pid).toBe(second.pid);
    const connection = await Connection.connect({ address: second.url });
    const { customAttributes } = await connection.operatorService.listSearchAttributes({
      namespace: 'default',
    });
    await connection.close();
    expect(customAttributes).toHaveProperty('KeptOverDeath');
  });

  it('are ended where the settings want another port', async () => {
    const first = await temporal();
    const port = (first.ports['main'] ?? 0) - 1;
    const second = await temporal({ port });
    expect(second).toMatchObject({ adopted: false, ports: { main: port } });
    expect(first.isRunning()).toBe(false);
  });

  it('are ended where they no longer answer', async () => {
    const first = await temporal();
    signalProcess(record(), 'SIGSTOP');
    const second = await temporal();
    expect(second.pid).not.toBe(first.pid);
    expect(first.isRunning()).toBe(false);
  });

  it('are ended where the data folder was renamed under them', async () => {
    const first = await temporal();
    const renamed = join(root, 'renamed');
    await rename(dataFolder, renamed);
    const second = await temporal({ dataFolder: renamed });
    expect(second.adopted).toBe(false);
    expect(first.isRunning()).toBe(false);
  });

  it('are left alone where the record came along in a copy of their data folder', async () => {
    const first = await temporal();
    const copy = join(root, 'copy');
    await cp(dataFolder, copy, { recursive: true });
    const second = await temporal({ dataFolder: copy });
    expect(second.pid).not.toBe(first.pid);
    expect(first.isRunning()).toBe(true);
    await checkTemporal(first.url);
  });

  it("are never mistaken for another's process that has their number now", async () => {
    const first = await temporal();
    const before = record();
    await first.stop();
    const stranger = spawn('sleep', ['60']);
    children.push(stranger);
    const pid = stranger.pid ?? 0;
    writeRecord(serverRecordFile(dataFolder), { ...before, pid });
    const second = await temporal();
    expect(second.adopted).toBe(false);
    expect(isRunning({ pid, startedAt: processStart(pid) ?? '' })).toBe(true);
    expect(stranger.signalCode).toBeNull();
  });

  it('are not lost from the record when two are started side by side', async () => {
    servers.push(
      ...(await Promise.all([
        ensureTemporal({ dataFolder, uiPort: null }),
        ensureS3({ dataFolder, ...TEST_S3_ACCESS }),
      ])),
    );
    expect(
      readRecords(serverRecordFile(dataFolder))
        .map(({ name }) => name)
        .sort(),
    ).toEqual(['temporal', 'weed']);
    const again = await ensureS3({ dataFolder, ...TEST_S3_ACCESS });
    expect(again).toMatchObject({ adopted: true, pid: servers[1]?.pid });
  });

  it('are replaced where the S3 credentials have changed', async () => {
    const first = await ensureS3({ dataFolder, ...TEST_S3_ACCESS });
    servers.push(first);
    const second = await ensureS3({ dataFolder, ...TEST_S3_ACCESS, secretAccessKey: 'another-secret' });
    servers.push(second);
    expect(second.adopted).toBe(false);
    expect(first.isRunning()).toBe(false);
  });

  it('are not adopted from a record that cannot be read', async () => {
    const first = await temporal();
    const file = serverRecordFile(dataFolder);
    const text = await readFile(file, 'utf8');
    await writeFile(file, text.slice(0, text.length / 2));
    expect(readRecords(file)).toEqual([]);
    expect(first.isRunning()).toBe(true);
  });
});

import { createServer, type Server } from 'node:net';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { Connection } from '@temporalio/client';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SEARCH_ATTRIBUTES } from '../../src/contract/index.js';
import {
  checkS3,
  freePort,
  startS3Server,
  startTemporalServer,
  type RunningServer,
} from '../../src/servers/index.js';
import { TEST_S3_ACCESS } from '../support/servers.js';

describe('starting a server', () => {
  let dataFolder: string;
  const servers: RunningServer[] = [];
  const started = (server: RunningServer): RunningServer => {
    servers.push(server);
    return server;
  };

  beforeEach(async () => {
    dataFolder = await mkdtemp(join(tmpdir(), 'akosha-start-'));
  });
  afterEach(async () => {
    await Promise.all(servers.splice(0).map((server) => server.stop()));
    await rm(dataFolder, { recursive: true });
  });

  function s3Client(url: string): S3Client {
    const { accessKeyId, secretAccessKey, region } = TEST_S3_ACCESS;
    return new S3Client({
      endpoint: url,
      region,
      forcePathStyle: true,
      credentials: { accessKeyId, secretAccessKey },
    });
  }

  it('gives an S3 server that keeps its objects over a kill and other ports', async () => {
    const Bucket = TEST_S3_ACCESS.bucket;
    const first = started(await startS3Server({ dataFolder, ...TEST_S3_ACCESS }));
    const Body = Buffer.alloc(1_000_000, 7);
    await s3Client(first.url).send(new PutObjectCommand({ Bucket, Key: 'a/b', Body }));
    process.kill(first.pid, 'SIGKILL');
    await expect.poll(() => first.isRunning()).toBe(false);

    const second = started(await startS3Server({ dataFolder, ...TEST_S3_ACCESS }));
    const answer = await s3Client(second.url).send(new GetObjectCommand({ Bucket, Key: 'a/b' }));
    expect(Buffer.from((await answer.Body?.transformToByteArray()) ?? []).equals(Body)).toBe(true);
  });

  it('gives S3 servers that run side by side and refuse wrong credentials', async () => {
    const [first, second] = await Promise.all([
      startS3Server({ dataFolder: join(dataFolder, '1'), ...TEST_S3_ACCESS }).then(started),
      startS3Server({ dataFolder: join(dataFolder, '2'), ...TEST_S3_ACCESS }).then(started),
    ]);
    const ports = [...Object.values(first.ports), ...Object.values(second.ports)];
    expect(new Set(ports).size).toBe(ports.length);
    await expect(checkS3(first.url, { ...TEST_S3_ACCESS, secretAccessKey: 'wrong' })).rejects.toThrow();
  });

  it('never lets the S3 server report to its maker', async () => {
    started(await startS3Server({ dataFolder, ...TEST_S3_ACCESS }));
    // The options it runs with, as the server itself writes them down.
    const options = await readFile(join(dataFolder, 's3', 'mini.options'), 'utf8');
    expect(options.split('\n')).toContain('master.telemetry=false');
  });

  it('gives a Temporal server that knows our search attributes, also when started again', async () => {
    for (const uiPort of [0, null]) {
      const server = started(await startTemporalServer({ dataFolder, uiPort }));
      const connection = await Connection.connect({ address: server.url });
      const { customAttributes } = await connection.operatorService.listSearchAttributes({
        namespace: 'default',
      });
      expect(Object.keys(customAttributes)).toEqual(expect.arrayContaining(Object.values(SEARCH_ATTRIBUTES)));
      await connection.close();
      if (uiPort === 0) expect((await fetch(`http://127.0.0.1:${server.ports['ui']}/`)).status).toBe(200);
      await server.stop();
    }
  });

  it('tells what the log says where a server ends early', async () => {
    const occupant: Server = createServer().listen(await freePort(), '127.0.0.1');
    await once(occupant, 'listening');
    const address = occupant.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const starting = startTemporalServer({ dataFolder, port, uiPort: null });
    await expect(starting).rejects.toMatchObject({
      type: 'ServerFailed',
      message: expect.stringMatching(/it exited with code 1[^]*address already in use/) as string,
    });
    occupant.close();
  });

  it('tells which program could not be run', async () => {
    const starting = startTemporalServer({ dataFolder, uiPort: null, path: join(dataFolder, 'missing') });
    await expect(starting).rejects.toThrow(/missing.*ENOENT/);
  });
});

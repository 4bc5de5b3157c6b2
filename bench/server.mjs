import { spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { startS3Server } from '../dist/servers/index.js';
import { NOW } from './support.mjs';

/** What `akosha` is once it is installed. */
const MAIN = fileURLToPath(new URL('../dist/cli/akosha.cjs', import.meta.url));
const ACCESS = {
  accessKeyId: 'bench',
  secretAccessKey: 'bench-secret',
  bucket: 'bench',
  region: 'us-east-1',
};

/** A real S3 server with a bucket, on `folder`; its credentials go into the environment. */
export async function startBucket(folder) {
  Object.assign(process.env, {
    AWS_ACCESS_KEY_ID: ACCESS.accessKeyId,
    AWS_SECRET_ACCESS_KEY: ACCESS.secretAccessKey,
  });
  const server = await startS3Server({ dataFolder: join(folder, 's3'), ...ACCESS });
  const url = `s3://${ACCESS.bucket}?endpoint=${encodeURIComponent(server.url)}&region=${ACCESS.region}`;
  return { url, stop: () => server.stop() };
}

/**
 * Runs `akosha up` on the bucket, as `akosha.log` in `folder` tells, for as long as `work` takes, which gets the API's address and the
 * server's process id.
 */
export async function withServer(folder, bucketUrl, settings, work) {
  const log = createWriteStream(join(folder, 'akosha.log'));
  const up = spawn(process.execPath, [MAIN, 'up', '--json'], {
    env: {
      ...process.env,
      AKOSHA_DATA_DIR: join(folder, 'data'),
      AKOSHA_OBJECT_STORE: bucketUrl,
      AKOSHA_PORT: '0',
      AKOSHA_TEMPORAL_PORT: '0',
      AKOSHA_TEMPORAL_UI_PORT: '0',
      AKOSHA_SYSTEM_ID: 'bench',
      AKOSHA_CLOCK: new Date(NOW + 60_000).toISOString(),
      AKOSHA_LOG_LEVEL: 'warn',
      ...settings,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let out = '';
  up.stdout.on('data', (part) => (out += part));
  up.stderr.pipe(log, { end: false });
  try {
    let api;
    while ((api = /http:\/\/[\d.]+:\d+/.exec(out)?.[0]) === undefined || !(await isReady(api))) {
      if (up.exitCode !== null) throw new Error(`akosha up ended: ${out}`);
      await sleep(100);
    }
    return await work(api, up.pid);
  } finally {
    up.kill('SIGTERM');
    if (up.exitCode === null) await new Promise((resolve) => up.once('exit', resolve));
  }
}

async function isReady(api) {
  const response = await fetch(`${api}/ready`).catch(() => undefined);
  return response?.status === 200;
}

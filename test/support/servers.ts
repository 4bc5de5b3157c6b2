import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startS3Server, startTemporalServer, type S3Access } from '../../src/servers/index.js';

/** The S3 server that all tests share. Tests keep apart by prefix. */
export interface TestS3 extends S3Access {
  endpoint: string;
}

/** The Temporal server that all tests share. Tests keep apart by task queue and workflow id. */
export interface TestTemporal {
  address: string;
}

declare module 'vitest' {
  export interface ProvidedContext {
    s3: TestS3;
    temporal: TestTemporal;
  }
}

export const TEST_S3_ACCESS: S3Access = {
  accessKeyId: 'akosha-test',
  secretAccessKey: 'akosha-test-secret',
  bucket: 'akosha-test',
  region: 'us-east-1',
};

export interface TestServers {
  s3: TestS3;
  temporal: TestTemporal;
  stop: () => Promise<void>;
}

/** Both servers, on free ports, in a folder of their own that goes with them. */
export async function startTestServers(): Promise<TestServers> {
  const folder = await mkdtemp(join(tmpdir(), 'akosha-test-'));
  const started = await Promise.allSettled([
    startS3Server({ dataFolder: folder, ...TEST_S3_ACCESS }),
    startTemporalServer({ dataFolder: folder, uiPort: null }),
  ]);
  const stop = async (): Promise<void> => {
    await Promise.all(
      started.map(async (result) => (result.status === 'fulfilled' ? result.value.stop() : undefined)),
    );
    await rm(folder, { recursive: true, force: true });
  };
  const [s3, temporal] = started;
  if (s3.status === 'rejected' || temporal.status === 'rejected') {
    await stop();
    const failures: unknown[] = [];
    for (const result of started) if (result.status === 'rejected') failures.push(result.reason);
    throw new AggregateError(failures, failures.map(String).join('\n'));
  }
  return {
    s3: { endpoint: s3.value.url, ...TEST_S3_ACCESS },
    temporal: { address: temporal.value.url },
    stop,
  };
}

import { spawn, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import path from 'node:path';
import { afterAll, beforeAll, expect, inject, it, onTestFinished } from 'vitest';
import { manifestKey } from '../../src/contract/index.js';
import { parseManifest } from '../../src/memory/index.js';
import { openObjectStore } from '../../src/objects/index.js';
import { outboxStatus, writeRequest } from '../../src/upload/index.js';
import { locationOf, s3Url, temporaryFolder, unfinishedUploads } from '../objects/stores.js';
import { makeDatabase } from '../support/databases.js';
import { eventually } from '../support/eventually.js';
import { startFaultProxy, type FaultProxy } from '../support/fault-proxy.js';

const MAIN = path.resolve(import.meta.dirname, '../../dist/cli/akosha.cjs');
const MIB = 1024 * 1024;

/** Of data that does not compress. Ten parts are enough to have some before the kill and some after it; by hand 300 was run. */
const DATABASE_MB = Number(process.env['AKOSHA_TEST_UPLOAD_MB'] ?? 48);
const PARTS_BEFORE_THE_KILL = Math.ceil(DATABASE_MB / 12);
/** At this rate a part is under way for more than half a second, so that there is a middle of it. */
const SLOWLY = { AKOSHA_UPLOAD_KB_PER_SECOND: '16000' };
const WITHIN_MS = 60_000 + DATABASE_MB * 1_000;

const PART = /[?&]partNumber=(\d+)/;

let folder: string;
let environment: Record<string, string | undefined>;
let proxy: FaultProxy;
let url: string;

beforeAll(async () => {
  folder = await temporaryFolder();
  proxy = await startFaultProxy(inject('s3').endpoint);
  url = s3Url();
  const { PATH, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY } = process.env;
  environment = {
    PATH,
    HOME: folder,
    AWS_ACCESS_KEY_ID,
    AWS_SECRET_ACCESS_KEY,
    AKOSHA_TEMPORAL: 'off',
    AKOSHA_SYSTEM_ID: 'killed',
    AKOSHA_DATABASES: path.join(folder, 'reflection.duckdb'),
    AKOSHA_OBJECT_STORE: throughProxy(url),
  };
  await makeDatabase(
    path.join(folder, 'reflection.duckdb'),
    'CREATE TABLE conversations_v2 (id VARCHAR, content VARCHAR, fingerprint BLOB)',
    `INSERT INTO conversations_v2 SELECT 'c' || row, 'a text', unhex(array_to_string(
       list_transform(range(1024), lambda i: md5(row || '-' || i)), ''))
     FROM range(${DATABASE_MB * 64}) AS r(row)`,
  );
}, WITHIN_MS);
afterAll(() => proxy.close());

function throughProxy(storeUrl: string): string {
  const proxied = new URL(storeUrl);
  proxied.searchParams.set('endpoint', proxy.url);
  return proxied.href;
}

function startAgent(more: Record<string, string> = {}): ChildProcess {
  const agent = spawn(process.execPath, [MAIN, 'agent', '--data-dir', folder], {
    cwd: folder,
    env: { ...environment, ...more },
    stdio: 'ignore',
  });
  onTestFinished(() => void agent.kill('SIGKILL'));
  return agent;
}

/** Numbers of the parts that were sent so far, and how the server answered. */
function partsSent(): { number: number; status: number | undefined }[] {
  return proxy.seen('PUT', PART).map((request) => {
    const [, number] = PART.exec(request.path) ?? [];
    return { number: Number(number), status: request.status };
  });
}

it(
  'an agent that is killed in the middle of a part goes on with the rest, and sends no part twice that was acknowledged',
  async () => {
    writeRequest(folder, { trigger: 'session-end' });
    const first = startAgent(SLOWLY);
    await eventually(() => {
      const parts = partsSent();
      const answered = parts.filter(({ status }) => status === 200);
      if (answered.length < PARTS_BEFORE_THE_KILL || answered.length === parts.length) {
        throw new Error(`not in the middle of a part: ${JSON.stringify(parts)}`);
      }
    }, WITHIN_MS);
    first.kill('SIGKILL');
    await once(first, 'exit');
    const before = partsSent();
    const acknowledged = before.filter(({ status }) => status === 200).map(({ number }) => number);
    expect(acknowledged.length).toBeLessThan(before.length);
    expect(outboxStatus(folder)).toMatchObject({ last_sync: null, pending: { uploads: 1 } });

    const second = startAgent();
    const { upload_id: uploadId, bytes } = await eventually(() => {
      const { last_sync: last } = outboxStatus(folder);
      if (last === null) throw new Error('not delivered yet');
      return last;
    }, WITHIN_MS);
    second.kill('SIGTERM');
    await once(second, 'exit');

    const parts = Math.ceil(bytes / (5 * MIB));
    const sentAfter = partsSent().slice(before.length);
    const numbers = sentAfter.map(({ number }) => number);
    expect(numbers.filter((number) => acknowledged.includes(number))).toEqual([]);
    expect(new Set(numbers).size).toBe(numbers.length);
    // A part that arrived whole as the agent died counts as sent.
    expect(parts - acknowledged.length - numbers.length).toBeOneOf([0, 1, 2]);
    expect(await unfinishedUploads(locationOf(url))).toEqual([]);
    await expectOneRightUpload(uploadId);
  },
  3 * WITHIN_MS,
);

/** Past the proxy. */
async function expectOneRightUpload(uploadId: string): Promise<void> {
  const store = await openObjectStore(url);
  try {
    const keys: string[] = [];
    for await (const { objects } of store.list('')) keys.push(...objects.map(({ key }) => key));
    const folder = `systems/killed/uploads/${uploadId}/`;
    expect(keys.sort()).toEqual([
      `inbox/${uploadId}@killed`,
      `${folder}manifest.json`,
      `${folder}reflection.duckdb`,
    ]);
    const ref = { systemId: 'killed', uploadId };
    const [file] = parseManifest(ref, await store.get(manifestKey(ref))).files;
    const sha256 = createHash('sha256')
      .update(await store.get(`${folder}reflection.duckdb`))
      .digest('hex');
    expect(sha256).toBe(file?.storedSha256);
  } finally {
    await store.close();
  }
}

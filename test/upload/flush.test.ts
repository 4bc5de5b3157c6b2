import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it, onTestFinished } from 'vitest';
import { AkoshaError } from '../../src/contract/index.js';
import { keepFlushing, prepareUpload, writeRequest, type Orchestrator } from '../../src/upload/index.js';
import { eventually } from '../support/eventually.js';
import { makeSmallHost, reopened, withFault, withUploads, type TestHost } from './support.js';

interface Asked extends Orchestrator {
  working: boolean;
  /** What it was asked, in order. */
  calls: string[];
}

/** A double of Temporal's client, because the tests are about when it is asked and what happens when it does nothing. */
function orchestrator(options: { working?: boolean; away?: boolean } = {}): Asked {
  const calls: string[] = [];
  const answer = (name: string) => (): Promise<void> => {
    calls.push(name);
    return options.away === true
      ? Promise.reject(new AkoshaError('OrchestratorUnavailable', 'no answer'))
      : Promise.resolve();
  };
  return {
    working: options.working ?? true,
    calls,
    requestSync: answer('sync'),
    resumeUploads: answer('resume'),
  };
}

/** Flushes until the test is over; never, by itself, within the test, unless it says so. */
function flush(
  host: TestHost,
  options: { orchestrator?: Orchestrator; awayMs?: number; patienceMs?: number } = {},
): void {
  const stop = new AbortController();
  const ended = keepFlushing({ host, awayMs: 60_000, patienceMs: 60_000, ...options }, stop.signal);
  onTestFinished(async () => {
    stop.abort();
    await ended;
  });
}

const stateOf = (host: TestHost, requestId: number): string | undefined => {
  const uploadId = host.outbox.rows.request(requestId)?.uploadId ?? '';
  return host.outbox.rows.upload(uploadId)?.state;
};

const delivered = (host: TestHost, requestId: number): Promise<void> =>
  eventually(() => expect(stateOf(host, requestId)).toBe('delivered'), 20_000);

it('without an orchestrator uploads what any process asks for, and what comes meanwhile', async () => {
  const host = await makeSmallHost();
  flush(host);
  const first = writeRequest(host.dataDir, { trigger: 'session-end' });
  await delivered(host, first);
  const second = writeRequest(host.dataDir, { trigger: 'session-end' });
  await delivered(host, second);
  const uploads = [first, second].map((id) => host.outbox.rows.request(id)?.uploadId);
  expect(new Set(uploads).size).toBe(2);
});

it('hands each request to the orchestrator, once', async () => {
  const host = await makeSmallHost();
  const temporal = orchestrator();
  flush(host, { orchestrator: temporal });
  writeRequest(host.dataDir, { trigger: 'sync' });
  await eventually(() => expect(temporal.calls).toEqual(['sync']));
  await sleep(1_500);
  expect(temporal.calls).toEqual(['sync']);
  writeRequest(host.dataDir, { trigger: 'sync' });
  await eventually(() => expect(temporal.calls).toEqual(['sync', 'sync']));
  expect(host.outbox.rows.openRequests()).toHaveLength(2);
});

it('has the orchestrator go on with what waits, when it is due', async () => {
  const host = await makeSmallHost();
  await prepareUpload(host, { uploadId: 'a' });
  host.outbox.rows.tryFailed('a', 'away', { permanent: false });
  const temporal = orchestrator();
  flush(host, { orchestrator: temporal });
  await sleep(1200);
  expect(temporal.calls).toEqual([]);
  host.outbox.rows.prepared('a', {
    order: 1,
    files: 2,
    bytes: 1,
    contents: { timeZone: 'UTC', databases: [], omitted: [] },
  });
  await eventually(() => expect(temporal.calls).toEqual(['resume']));
});

it.each([
  ['takes no work', { working: false }],
  ['does not answer', { away: true }],
])('uploads by itself where the orchestrator %s for so long, and not before', async (_what, state) => {
  const host = await makeSmallHost();
  const temporal = orchestrator(state);
  const requestId = writeRequest(host.dataDir, { trigger: 'sync' });
  const begun = performance.now();
  flush(host, { orchestrator: temporal, awayMs: 2_000 });
  await delivered(host, requestId);
  expect(performance.now() - begun).toBeGreaterThan(2_000);
  // Back again, it is asked again; what comes while the agent is at it by itself is done with it.
  temporal.working = true;
  await sleep(1_000);
  const before = temporal.calls.length;
  writeRequest(host.dataDir, { trigger: 'sync' });
  await eventually(() => expect(temporal.calls.length).toBeGreaterThan(before));
});

it('uploads by itself what the orchestrator leaves lying', async () => {
  const host = await makeSmallHost();
  const requestId = writeRequest(host.dataDir, { trigger: 'sync' });
  const temporal = orchestrator();
  flush(host, { orchestrator: temporal, patienceMs: 2_000 });
  await delivered(host, requestId);
  expect(temporal.calls).toEqual(['sync']);
});

it('lets those be who are at work on it', async () => {
  const host = await makeSmallHost();
  const requestId = writeRequest(host.dataDir, { trigger: 'sync' });
  const progress = join(host.dataDir, 'agent', 'snapshot-progress.json');
  const work = { pid: 1, upload_id: 'x', step: 'snapshot', method: null, file: null };
  const counts = { files_done: 0, files_total: 1, bytes_done: 0, bytes_total: 0 };
  await mkdir(join(host.dataDir, 'agent'), { recursive: true });
  await writeFile(progress, JSON.stringify({ ...work, ...counts, updated_at: Date.now() }));
  flush(host, { orchestrator: orchestrator(), patienceMs: 1 });
  await sleep(2_500);
  expect(stateOf(host, requestId)).toBeUndefined();
  await writeFile(progress, JSON.stringify({ ...work, ...counts, updated_at: Date.now() - 60_000 }));
  await delivered(host, requestId);
});

it('waits while the object store is away, keeps count, and goes on after a restart when it is back', async () => {
  let now = Date.now();
  const healthy = await makeSmallHost({ wallClock: () => now });
  let away = true;
  const uploads = withFault(healthy.uploads, (method) => {
    if (away && method !== 'close') throw new AkoshaError('ObjectStoreUnavailable', 'away');
  });
  // A host that has never seen its object store would not number an upload.
  await prepareUpload(healthy, { uploadId: 'seen' });
  healthy.outbox.rows.delivered('seen');
  const host = withUploads(healthy, uploads);
  const requestId = writeRequest(host.dataDir, { trigger: 'session-end' });
  const stop = new AbortController();
  const ended = keepFlushing({ host }, stop.signal);
  await eventually(() => expect(host.outbox.rows.next()?.attempts).toBe(1));
  const { nextTryAt, lastError } = host.outbox.rows.next() ?? {};
  expect(lastError).toContain('away');
  expect(nextTryAt).toBeGreaterThanOrEqual(now + 30_000);
  stop.abort();
  await ended;

  away = false;
  const again = reopened(host);
  flush(again);
  await sleep(1_500);
  expect(stateOf(again, requestId)).toBe('prepared');
  // The laptop slept.
  now += 3_600_000;
  await delivered(again, requestId);
});

it('notes that there is nothing to upload, and tries again only when somebody asks', async () => {
  const host = await makeSmallHost();
  const requestId = writeRequest(host.dataDir, { trigger: 'session-end' });
  flush({ ...host, databases: [join(host.folder, 'missing.duckdb')] });
  await eventually(() => expect(stateOf(host, requestId)).toBe('failed'));
  expect(host.outbox.rows.lastEnded('failed')?.lastError).toContain('AKOSHA_DATABASES');
  expect(host.outbox.rows.next()).toBeUndefined();
});

it('removes abandoned parts of its own uploads, and keeps those that it will go on with', async () => {
  const host = await makeSmallHost();
  await prepareUpload(host, { uploadId: 'a' });
  host.outbox.rows.tryFailed('a', 'away', { permanent: true });
  const calls: unknown[][] = [];
  const uploads = withFault(host.uploads, (method, ...rest) => {
    if (method === 'abortStaleUploads') calls.push(rest);
  });
  flush(withUploads(host, uploads));
  await eventually(() => expect(calls).toHaveLength(1));
  const prefix = 'systems/host-1/uploads/';
  const keep = new Set([`${prefix}a/notes.duckdb`, `${prefix}a/graph.duckdb`]);
  expect(calls[0]?.slice(0, 3)).toEqual([prefix, 86_400_000, keep]);
});

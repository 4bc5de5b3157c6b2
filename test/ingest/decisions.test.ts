import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { inboxKey, receiptKey, uploadPrefix, type UploadRef } from '../../src/contract/index.js';
import {
  dropUpload,
  ingestUpload,
  pollInbox,
  registerUpload,
  retryUpload,
  walkUploads,
} from '../../src/ingest/index.js';
import { openIngestWorld, originalId, putOriginal, sampleFiles, type IngestWorld } from './support.js';

let world: IngestWorld;

beforeAll(async () => {
  world = await openIngestWorld();
});
afterAll(() => world.close());

let systems = 0;

/** An upload of an original host, whose only file is cut off: in quarantine, without an inbox entry. */
async function quarantined(): Promise<UploadRef> {
  const ref = { systemId: `decided-${++systems}`, uploadId: originalId() };
  await putOriginal(world.uploads, ref, { 'reflection.duckdb.gz': Buffer.from('no gzip') });
  await registerUpload(world.context, ref);
  expect(await ingestUpload(world.context, ref)).toMatchObject({ status: 'quarantined' });
  return ref;
}

const stateOf = async (ref: UploadRef) => (await world.store.getUpload(ref))?.state;
const walk = (ref: UploadRef) => walkUploads(world.context, () => undefined, undefined, ref.systemId);

describe('an upload in quarantine that is retried', () => {
  it('is ingested where it can be read now, and its receipt says so', async () => {
    const ref = await quarantined();
    // As though a reader that can read it had come.
    for (const [name, content] of Object.entries(await sampleFiles()))
      if (name.startsWith('reflection')) await world.uploads.put(uploadPrefix(ref) + name, content);
    const before = Date.now();
    await retryUpload(world.context, ref);
    const queued = await world.store.getUpload(ref);
    expect(queued).toMatchObject({ state: 'pending', attempts: 0, reason: null });
    // It waits since now, not since it was found, which may be weeks ago.
    expect(queued?.registeredAt).toBeGreaterThanOrEqual(before);
    expect(await world.receipt(ref)).toBeUndefined();
    expect(await world.store.nextUpload(ref.systemId)).toMatchObject(ref);
    const outcome = await ingestUpload(world.context, ref);
    expect(outcome).toMatchObject({ status: 'ingested', reason: null });
    expect(outcome.rows.new).toBeGreaterThan(0);
    expect(await world.receipt(ref)).toMatchObject({ status: 'ingested', rows: outcome.rows, reason: null });
    expect(await stateOf(ref)).toBe('done');
  });

  it('goes back there with its reason where it still cannot', async () => {
    const ref = await quarantined();
    const before = await world.receipt(ref);
    await retryUpload(world.context, ref);
    // Asked twice: it is in the queue.
    await retryUpload(world.context, ref);
    expect(await ingestUpload(world.context, ref)).toMatchObject({ status: 'quarantined' });
    expect(await world.receipt(ref)).toMatchObject({ status: 'quarantined', reason: before?.reason });
  });

  it('does not replace what is newer', async () => {
    const ref = await quarantined();
    const newer = { ...ref, uploadId: originalId() };
    const { 'reflection.duckdb.gz': file = Buffer.of() } = await sampleFiles();
    await putOriginal(world.uploads, newer, { 'reflection.duckdb.gz': file });
    await registerUpload(world.context, newer);
    const first = await ingestUpload(world.context, newer);
    await world.uploads.put(`${uploadPrefix(ref)}reflection.duckdb.gz`, file);
    await retryUpload(world.context, ref);
    const { rows } = await ingestUpload(world.context, ref);
    expect(rows).toMatchObject({ new: 0, changed: 0, unchanged: first.rows.new });
  });

  it('keeps no receipt of before, where an attempt at one comes late', async () => {
    const ref = await quarantined();
    await world.uploads.delete([receiptKey(ref)]);
    let arrived = (): void => undefined;
    const reached = new Promise<void>((resolve) => (arrived = resolve));
    let release = (): void => undefined;
    const released = new Promise<void>((resolve) => (release = resolve));
    // A double that holds the receipt back until the retry was asked for.
    const slow = world.withFaults({
      put: async (...args) => {
        arrived();
        await released;
        return world.uploads.put(...args);
      },
    });
    const late = ingestUpload(slow, ref);
    await reached;
    const retried = retryUpload(world.context, ref);
    release();
    await Promise.all([late, retried]);
    expect(await stateOf(ref)).toBe('pending');
    expect(await world.receipt(ref)).toBeUndefined();
  });
});

describe('an upload in quarantine that is dropped', () => {
  const decision = { by: 'ada@desk', reason: 'test data' };

  it('has a receipt that says by whom and why, and its files still stand', async () => {
    const ref = await quarantined();
    await world.uploads.put(inboxKey(ref), '');
    const record = await dropUpload(world.context, ref, decision);
    expect(record).toMatchObject({ state: 'dropped', dropped: decision });
    expect(await world.receipt(ref)).toMatchObject({
      status: 'quarantined',
      reason: record.reason,
      dropped: { ...decision, at: expect.stringMatching(/Z$/) },
    });
    expect(await world.announced(ref)).toBe(false);
    expect(await world.uploads.head(`${uploadPrefix(ref)}reflection.duckdb.gz`)).toBeDefined();
    expect(await world.store.nextUpload(ref.systemId)).toBeUndefined();
    expect((await world.store.quarantinedUploads(100)).map((u) => u.uploadId)).not.toContain(ref.uploadId);
    // A second time keeps who did it.
    await dropUpload(world.context, ref, { by: 'bob', reason: 'mine' });
    expect(await world.receipt(ref)).toMatchObject({ dropped: decision });
  });

  it('gets its receipt from the next walk, or poll, where the server died before it', async () => {
    const ref = await quarantined();
    await world.uploads.delete([receiptKey(ref)]);
    await world.store.drop(ref, decision);
    await walk(ref);
    expect(await world.receipt(ref)).toMatchObject({ dropped: decision });
    await world.uploads.delete([receiptKey(ref)]);
    await world.uploads.put(inboxKey(ref), '');
    await pollInbox(world.context);
    expect(await world.receipt(ref)).toMatchObject({ dropped: decision });
    expect(await world.announced(ref)).toBe(false);
  });

  it('cannot be retried, and what is not in quarantine can be neither', async () => {
    const dropped = await quarantined();
    await dropUpload(world.context, dropped, decision);
    await expect(retryUpload(world.context, dropped)).rejects.toMatchObject({ type: 'UploadStateMismatch' });
    const pending = { systemId: 'decided-0', uploadId: originalId() };
    await putOriginal(world.uploads, pending, {});
    await registerUpload(world.context, pending);
    await expect(dropUpload(world.context, pending, decision)).rejects.toThrow(
      /is pending: only one in quarantine/,
    );
    await expect(retryUpload(world.context, { ...pending, uploadId: 'x' })).rejects.toMatchObject({
      type: 'UploadUnknown',
    });
  });
});

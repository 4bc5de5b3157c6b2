import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import {
  AkoshaError,
  inboxKey,
  manifestKey,
  receiptKey,
  type ErrorType,
  type UploadRef,
} from '../../src/contract/index.js';
import {
  AbsentManifests,
  ingestUpload,
  pollInbox,
  registerUpload,
  walkUploads,
} from '../../src/ingest/index.js';
import { MAX_MANIFEST_BYTES } from '../../src/memory/index.js';
import type { ObjectStore } from '../../src/objects/index.js';
import { openIngestWorld, originalId, putOriginal, type IngestWorld } from './support.js';

let world: IngestWorld;
let systems = 0;
let systemId: string;

beforeAll(async () => {
  world = await openIngestWorld();
});
beforeEach(() => {
  systemId = `system-${++systems}`;
  world.warnings.length = 0;
  world.counted.quarantined = 0;
});
afterAll(() => world.close());

const announce = (ref: UploadRef): Promise<void> => world.uploads.put(inboxKey(ref), '');

/** A complete upload with an inbox entry. Discovery reads no files. */
async function arrive(of = systemId): Promise<UploadRef> {
  const ref = { systemId: of, uploadId: originalId() };
  await putOriginal(world.uploads, ref, {});
  await announce(ref);
  return ref;
}

/** An upload with an inbox entry, whose manifest breaks the rules. */
async function arriveBroken(): Promise<UploadRef> {
  const ref = { systemId, uploadId: originalId() };
  await world.uploads.put(manifestKey(ref), '{"files": 7}');
  await announce(ref);
  return ref;
}

/** Lets every call pass but those for these keys, or for all. */
function failing(method: 'get' | 'put', type: ErrorType, ...keys: string[]): Partial<ObjectStore> {
  const fault = (key: string): void => {
    if (keys.length === 0 || keys.includes(key)) throw new AkoshaError(type, `${method} ${key}: injected`);
  };
  return method === 'get'
    ? { get: async (key, options) => (fault(key), world.uploads.get(key, options)) }
    : { put: async (key, body, options) => (fault(key), world.uploads.put(key, body, options)) };
}

const walk = (context = world.context) => walkUploads(context, () => undefined);

describe('discovery', () => {
  it('polled twice queues an upload once', async () => {
    const ref = await arrive();
    expect(await pollInbox(world.context)).toMatchObject({ added: [ref], systems: [systemId], failed: [] });
    expect(await pollInbox(world.context)).toMatchObject({ added: [], systems: [], failed: [] });
    expect(await world.store.nextUpload(systemId)).toMatchObject({ ...ref, state: 'pending' });
    expect(await registerUpload(world.context, ref)).toBe(false);
  });

  it('by a walk finds what has no inbox entry', async () => {
    const ref = { systemId, uploadId: originalId() };
    await putOriginal(world.uploads, ref, {});
    expect(await pollInbox(world.context)).toMatchObject({ added: [] });
    expect(await walk()).toMatchObject({ added: [ref] });
    expect(await walk()).toMatchObject({ added: [] });
  });

  it('walks one system alone where asked to', async () => {
    const ref = { systemId, uploadId: originalId() };
    await putOriginal(world.uploads, ref, {});
    await putOriginal(world.uploads, { systemId: 'another-system', uploadId: originalId() }, {});
    const walkOf = (only: string) => walkUploads(world.context, () => undefined, undefined, only);
    expect(await walkOf('nobody')).toMatchObject({ seen: 0, added: [] });
    expect(await walkOf(systemId)).toMatchObject({ seen: 1, added: [ref], systems: [systemId] });
    expect(await walk()).toMatchObject({ systems: ['another-system'] });
  });

  it('leaves alone what has no manifest yet', async () => {
    const ref = { systemId, uploadId: originalId() };
    await announce(ref);
    expect(await pollInbox(world.context)).toMatchObject({ added: [], failed: [] });
    expect(await registerUpload(world.context, ref)).toBe(false);
    expect(await world.announced(ref)).toBe(true);
  });
});

describe('a manifest that breaks the rules', () => {
  it('is queued like any other, before all others, and quarantined by its ingest', async () => {
    const good = await arrive();
    const ref = await arriveBroken();
    expect(await pollInbox(world.context)).toMatchObject({ added: [good, ref], failed: [] });
    expect(await world.store.nextUpload(systemId)).toMatchObject({ ...ref, order: 0, state: 'pending' });
    const outcome = await ingestUpload(world.context, ref);
    expect(outcome.status).toBe('quarantined');
    expect(outcome.reason).toContain('files');
    expect(world.counted.quarantined).toBe(1);
    expect(world.warnings).toEqual([{ ...ref, reason: outcome.reason }]);
    const receipt = await world.receipt(ref);
    expect(receipt).toMatchObject({ status: 'quarantined', upload_id: ref.uploadId, reason: outcome.reason });
    expect(await world.announced(ref)).toBe(false);
    expect(await world.store.nextUpload(systemId)).toMatchObject(good);
  });

  it('is quarantined also where it is too large to be read', async () => {
    const ref = { systemId, uploadId: originalId() };
    await world.uploads.put(manifestKey(ref), Buffer.alloc(MAX_MANIFEST_BYTES + 1, ' '));
    await announce(ref);
    expect(await pollInbox(world.context)).toMatchObject({ added: [ref], failed: [] });
    expect((await ingestUpload(world.context, ref)).reason).toMatch(/manifest\.json.*bytes/);
  });

  it('holds up no other where its receipt cannot be put, and gets it with the next poll', async () => {
    const broken = await arriveBroken();
    const good = await arrive();
    await pollInbox(world.context);
    const faulty = world.withFaults(failing('put', 'ObjectStoreRefused', receiptKey(broken)));
    await expect(ingestUpload(faulty, broken)).rejects.toMatchObject({ type: 'ObjectStoreRefused' });
    expect(await world.store.nextUpload(systemId)).toMatchObject(good);
    const later = await arrive();
    const found = await pollInbox(faulty);
    expect(found.added).toEqual([later]);
    expect(found.failed).toEqual([{ ref: broken, reason: `put ${receiptKey(broken)}: injected` }]);
    expect(await world.receipt(broken)).toBeUndefined();
    expect(await pollInbox(world.context)).toMatchObject({ failed: [] });
    expect(await world.receipt(broken)).toMatchObject({ status: 'quarantined' });
    expect(await world.announced(broken)).toBe(false);
    expect(world.counted.quarantined).toBe(1);
  });

  it('without a receipt is given one by the walk, once', async () => {
    const ref = { systemId, uploadId: originalId() };
    await putOriginal(world.uploads, ref, {});
    // As a crash between the two leaves it: in quarantine, no receipt, and no inbox entry to tell.
    await walk();
    await world.store.quarantine(ref, 'broken');
    const puts: string[] = [];
    const context = world.withFaults({
      put: (key, body, options) => (puts.push(key), world.uploads.put(key, body, options)),
    });
    await walk(context);
    expect(await world.receipt(ref)).toMatchObject({ status: 'quarantined', reason: 'broken' });
    await walk(context);
    expect(puts.filter((key) => key === receiptKey(ref))).toHaveLength(1);
  });
});

describe('an upload that cannot be read now', () => {
  it.each(['poll', 'walk'])('holds up no other of a %s, is told, and is found later', async (way) => {
    const look = way === 'poll' ? pollInbox : walk;
    const [bad, good] = [await arrive(), await arrive()];
    const found = await look(world.withFaults(failing('get', 'ObjectStoreRefused', manifestKey(bad))));
    expect(found.added).toEqual([good]);
    expect(found.failed).toEqual([{ ref: bad, reason: `get ${manifestKey(bad)}: injected` }]);
    expect(world.warnings).toEqual([{ failed: 1, first: found.failed }]);
    expect((await look(world.context)).added).toEqual([bad]);
  });

  it('fails the look where nothing else succeeded: that is about the store', async () => {
    const ref = await arrive();
    const faulty = world.withFaults(failing('get', 'ObjectStoreRefused', manifestKey(ref)));
    await expect(registerUpload(faulty, ref)).rejects.toMatchObject({ type: 'ObjectStoreRefused' });
  });

  it.each(['ObjectStoreUnavailable', 'Cancelled'] as const)(
    'ends the look with %s, but what was read is queued',
    async (type) => {
      const [bad, good] = [await arrive(), await arrive(`${systemId}-too`)];
      const faulty = world.withFaults(failing('get', type, manifestKey(bad)));
      await expect(pollInbox(faulty)).rejects.toMatchObject({ type });
      expect(await world.store.nextUpload(good.systemId)).toMatchObject(good);
    },
  );
});

describe('a burst in the inbox', () => {
  it('is queued portion by portion, of which each is told, until the time is over; the rest is counted', async () => {
    const own = await openIngestWorld();
    onTestFinished(() => own.close());
    const refs = Array.from({ length: 450 }, (_, n) => ({
      systemId: `host-${n % 150}`,
      uploadId: `upload-${1000 + n}`,
    }));
    for (const ref of refs) await own.uploads.put(inboxKey(ref), '');
    // Discovery reads no more of a manifest than that it stands; this one goes to quarantine later.
    const context = own.withFaults({ get: () => Promise.resolve(Buffer.from('{}')) });
    const told: [number, boolean][] = [];
    const onQueued = (added: UploadRef[], newest: boolean): Promise<void> =>
      Promise.resolve(void told.push([added.length, newest]));
    const before = Date.now();
    const first = await pollInbox(context, { until: 0, onQueued });
    expect(told).toEqual([[100, true]]);
    expect(first).toMatchObject({ seen: 450, left: { uploads: 350 } });
    expect(first.left.oldest).toBeLessThanOrEqual(before);
    expect(first.left.oldest).toBeGreaterThan(before - 60_000);
    const second = await pollInbox(context, { onQueued });
    expect(told.slice(1)).toEqual([
      [100, true],
      [50, false],
      [200, false],
    ]);
    expect(second.left).toEqual({ uploads: 0, oldest: null });
    const last = await pollInbox(context);
    expect(last).toMatchObject({ seen: 450, added: [], left: { uploads: 0, oldest: null } });
  });

  it('of one host leaves room for the others’, and what there is no room for is counted', async () => {
    const own = await openIngestWorld();
    onTestFinished(() => own.close());
    for (let n = 0; n < 1_001; n++) {
      await own.uploads.put(inboxKey({ systemId: 'noisy', uploadId: `upload-${10_000 + n}` }), '');
    }
    await own.uploads.put(inboxKey({ systemId: 'zz-last', uploadId: 'upload-1' }), '');
    const context = own.withFaults({ get: () => Promise.resolve(Buffer.from('{}')) });
    const first = await pollInbox(context, { until: 0 });
    expect(first.systems.sort()).toEqual(['noisy', 'zz-last']);
    expect(first.left.uploads).toBe(1_000);
    expect((await pollInbox(context)).left.uploads).toBe(0);
  });
});

describe('an inbox entry without a manifest', () => {
  const HOUR_MS = 3_600_000;

  it('is looked at less and less often, and removed after an hour; the walk finds what comes later', async () => {
    const own = await openIngestWorld();
    onTestFinished(() => own.close());
    const ref = { systemId, uploadId: originalId() };
    await own.uploads.put(inboxKey(ref), '');
    const asked: string[] = [];
    const context = own.withFaults({
      get: (key, options) => (asked.push(key), own.uploads.get(key, options)),
    });
    const absent = new AbsentManifests();
    let now = performance.now();
    vi.spyOn(performance, 'now').mockImplementation(() => now);
    onTestFinished(() => void vi.restoreAllMocks());
    const begun = now;
    for (; now < begun + HOUR_MS; now += 30_000) {
      expect(await pollInbox(context, { absent })).toMatchObject({ added: [], failed: [], skipped: 0 });
    }
    // At once, after 30 s, 1, 2, 4, 8 minutes more and then each 15, where each of 120 polls would have asked.
    expect(asked).toHaveLength(8);
    expect(own.warnings).toEqual([]);
    now = begun + 2 * HOUR_MS;
    expect(await pollInbox(context, { absent })).toMatchObject({ skipped: 1 });
    expect(JSON.stringify(own.warnings)).toContain('has had no manifest for an hour: the entry is removed');
    expect(await own.announced(ref)).toBe(false);
    await putOriginal(own.uploads, ref, {});
    expect((await pollInbox(context, { absent })).seen).toBe(0);
    expect((await walk(own.context)).added).toEqual([ref]);
  });

  it('is queued as soon as its manifest is seen', async () => {
    const ref = { systemId, uploadId: originalId() };
    await announce(ref);
    const absent = new AbsentManifests();
    await pollInbox(world.context, { absent });
    await putOriginal(world.uploads, ref, {});
    const { now } = performance;
    vi.spyOn(performance, 'now').mockImplementation(() => now.call(performance) + 31_000);
    onTestFinished(() => void vi.restoreAllMocks());
    expect((await pollInbox(world.context, { absent })).added).toEqual([ref]);
  });
});

describe('a name that is no upload’s', () => {
  it('in the inbox is told and counted, and holds up no other', async () => {
    const stray = ['inbox/README', 'inbox/01JD@laptop.local', 'inbox/a/b@c'];
    for (const key of stray) await world.uploads.put(key, '');
    const ref = await arrive();
    const found = await pollInbox(world.context);
    expect(found.added).toContainEqual(ref);
    expect(found.skipped).toBe(3);
    expect(world.warnings).toEqual([
      {
        skipped: 3,
        first: stray.toSorted().map((name) => ({ name, reason: expect.stringContaining('inbox/<') })),
      },
    ]);
    expect(world.counted.skipped['inbox/']).toBe(3);
    await world.uploads.delete(stray);
    expect(await pollInbox(world.context)).toMatchObject({ skipped: 0 });
    expect(world.counted.skipped['inbox/']).toBe(0);
  });

  it('under systems/ is told and counted, and holds up no other', async () => {
    // As a host whose name holds a slash writes, and as the original server expects it.
    const stray = ['systems/Home/Mac/uploads/1/manifest.json', 'systems/bare/1/manifest.json'];
    for (const key of stray) await world.uploads.put(key, '{}');
    const ref = { systemId, uploadId: originalId() };
    await putOriginal(world.uploads, ref, {});
    expect(await walk()).toMatchObject({ added: [ref], skipped: 2 });
    expect(world.warnings).toEqual([
      {
        skipped: 2,
        first: ['systems/Home/', 'systems/bare/'].map((name) => ({
          name,
          reason: 'has no folder uploads/ with uploads in it',
        })),
      },
    ]);
    expect(world.counted.skipped['systems/']).toBe(2);
    await world.uploads.delete(stray);
  });
});

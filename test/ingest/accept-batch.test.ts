import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  AkoshaError,
  inboxKey,
  manifestKey,
  uploadPrefix,
  type UploadRef,
} from '../../src/contract/index.js';
import {
  BatchAcceptor,
  ingestUpload,
  pollInbox,
  type AcceptedRow,
  type AcceptorOptions,
  type IngestContext,
  type RowSource,
} from '../../src/ingest/index.js';
import { parseManifest, type Manifest } from '../../src/memory/index.js';
import { openIngestWorld, putOriginal, type IngestWorld } from './support.js';

/** One for all tests, which keep apart by system: to open it takes longer than any of them. */
let world: IngestWorld;
let tests = 0;
let system: string;
const stored: UploadRef[] = [];

beforeAll(async () => {
  world = await openIngestWorld();
});
beforeEach(() => {
  system = `host-${++tests}`;
  stored.length = 0;
});
afterAll(() => world.close());

function acceptorOn(
  context: IngestContext = world.context,
  options: Partial<AcceptorOptions> = {},
): BatchAcceptor {
  const onStored = (ref: UploadRef): void => void stored.push(ref);
  return new BatchAcceptor(context, { version: '1.2.3', now: Date.now, onStored, ...options });
}

function row(memory_id: string, changes: Partial<AcceptedRow> = {}): AcceptedRow {
  const fields = { timestamp: '2026-11-20 10:00:00' };
  return {
    kind: 'conversation',
    memory_id,
    content: `text of ${memory_id}`,
    project: null,
    tags: null,
    fields,
    embedding: null,
    ...changes,
  };
}

const anyone = (): RowSource => ({ systemId: system, timeZone: 'UTC' });

function agent(
  uploadId: string,
  order: number,
  changes: Partial<NonNullable<RowSource['upload']>> = {},
): RowSource {
  const upload = {
    uploadId,
    order,
    previousOrder: order > 1 ? order - 1 : null,
    orderIsKnown: true,
    createdAt: 0,
    ...changes,
  };
  return { systemId: system, timeZone: 'Europe/Berlin', upload };
}

async function uploadsOf(systemId = system): Promise<string[]> {
  const found: string[] = [];
  for await (const page of world.uploads.listFolders(`systems/${systemId}/uploads/`)) {
    found.push(...page.map((name) => name.slice(0, -1)));
  }
  return found;
}

async function manifests(systemId = system): Promise<Manifest[]> {
  const refs = (await uploadsOf(systemId)).map((uploadId) => ({ systemId, uploadId }));
  const read = refs.map(async (ref) => parseManifest(ref, await world.uploads.get(manifestKey(ref))));
  return (await Promise.all(read)).sort((a, b) => a.order - b.order);
}

async function ingestAll(): Promise<void> {
  await pollInbox(world.context);
  for (
    let next = await world.store.nextUpload(system);
    next !== undefined;
    next = await world.store.nextUpload(system)
  ) {
    expect(await ingestUpload(world.context, next)).toMatchObject({ status: 'ingested' });
  }
}

async function contentOf(memoryId: string): Promise<string | undefined> {
  const [found] = await world.store.fetch(
    [{ systemId: system, kind: 'conversation', memoryId }],
    ['hot', 'warm'],
  );
  return found?.content;
}

describe('what is accepted', () => {
  it('stands as an upload, files, manifest and inbox entry, when the call returns', async () => {
    const { order, storedAt } = await acceptorOn().accept(anyone(), [row('a'), row('b')]);
    const [ref] = stored;
    if (ref === undefined) throw new Error('nothing was stored');
    expect(await world.announced(ref)).toBe(true);
    const [manifest] = await manifests();
    expect(manifest).toMatchObject({
      order,
      partial: true,
      timeZone: 'UTC',
      createdAt: storedAt,
      uploader: 'akosha-server',
    });
    expect(manifest?.files).toEqual([expect.objectContaining({ rows: { conversation: 2 } })]);
    expect(await world.uploads.head(uploadPrefix(ref) + String(manifest?.files[0]?.name))).toBeDefined();
    await ingestAll();
    expect(await contentOf('b')).toBe('text of b');
  });

  it('of several at once goes into one upload, each answered when it stands', async () => {
    const acceptor = acceptorOn();
    const ids = Array.from({ length: 40 }, (_, n) => String(n));
    await Promise.all(ids.map((id) => acceptor.accept(anyone(), [row(id)])));
    expect(await manifests()).toHaveLength(1);
    await ingestAll();
    expect(await Promise.all(ids.map(contentOf))).toEqual(ids.map((id) => `text of ${id}`));
  });

  it('of different systems, uploads and time zones stays apart', async () => {
    const acceptor = acceptorOn();
    const sources = [
      anyone(),
      { ...anyone(), timeZone: 'Asia/Tokyo' },
      agent('u1', 1),
      agent('u2', 2),
      { ...anyone(), systemId: 'another' },
    ];
    await Promise.all(sources.map((source) => acceptor.accept(source, [row('a')])));
    expect((await manifests()).map(({ timeZone }) => timeZone).sort()).toEqual([
      'Asia/Tokyo',
      'Europe/Berlin',
      'Europe/Berlin',
      'UTC',
    ]);
    expect(await manifests('another')).toHaveLength(1);
  });

  it('has the zone of the setting where its sender says none, and so have its own times', async () => {
    const context = { ...world.context, timeZones: new Map([[system, 'Asia/Tokyo']]) };
    const acceptor = acceptorOn(context);
    await acceptor.accept({ systemId: system, timeZone: null }, [row('local')]);
    await acceptor.accept(anyone(), [row('instant')]);
    expect((await manifests()).map(({ timeZone }) => timeZone)).toEqual(['Asia/Tokyo', 'UTC']);
    await ingestAll();
    const { memories } = await world.store.listMemories(system, { limit: 10 });
    const found = await world.store.fetch(memories, ['hot', 'warm']);
    const times = found.map(({ memoryId, ownTime }) => [memoryId, new Date(ownTime).toISOString()]);
    expect(Object.fromEntries(times)).toEqual({
      instant: '2026-11-20T10:00:00.000Z',
      local: '2026-11-20T01:00:00.000Z',
    });
    await acceptorOn().accept({ systemId: system, timeZone: null }, [row('unset')]);
    expect((await manifests()).at(-1)?.timeZone).toBe('UTC');
  });

  it('twice in one call is what came last; changed within the window it is a later upload', async () => {
    const acceptor = acceptorOn();
    const first = acceptor.accept(anyone(), [row('a', { content: 'old' }), row('a', { content: 'new' })]);
    const second = acceptor.accept(anyone(), [row('a', { content: 'newest' })]);
    expect((await first).order).toBeLessThan((await second).order);
    await ingestAll();
    expect(await contentOf('a')).toBe('newest');
  });

  it('of several kinds has a table for each', async () => {
    const entity = row('e', {
      kind: 'entity',
      content: null,
      fields: { name: 'vault', entity_type: 'service' },
    });
    await acceptorOn().accept(anyone(), [row('a'), entity]);
    expect((await manifests())[0]?.files[0]?.rows).toEqual({ conversation: 1, entity: 1 });
  });
});

describe('what is accepted again', () => {
  it('of one of our agents is the upload that stands, with the first answer', async () => {
    const first = await acceptorOn().accept(agent('u1', 1), [row('a'), row('b')]);
    const again = await acceptorOn().accept(agent('u1', 1), [row('b'), row('a')]);
    expect(again).toEqual(first);
    expect(await uploadsOf()).toHaveLength(1);
  });

  it('has its inbox entry put again, which its first writer may not have come to', async () => {
    await acceptorOn().accept(agent('u1', 1), [row('a')]);
    const [ref] = stored;
    if (ref === undefined) throw new Error('nothing was stored');
    await world.uploads.delete([inboxKey(ref)]);
    await acceptorOn().accept(agent('u1', 1), [row('a')]);
    expect(await world.announced(ref)).toBe(true);
  });

  it('in other company changes no row', async () => {
    const acceptor = acceptorOn();
    await acceptor.accept(agent('u1', 1), [row('a'), row('b')]);
    await acceptor.accept(agent('u1', 1), [row('b'), row('c')]);
    await ingestAll();
    const receipts = await Promise.all(stored.map((ref) => world.receipt(ref)));
    const counts = receipts.map((receipt) => receipt?.rows);
    expect(counts.reduce((sum, rows) => sum + (rows?.new ?? 0), 0)).toBe(3);
    expect(counts.reduce((sum, rows) => sum + (rows?.unchanged ?? 0), 0)).toBe(1);
  });

  it('from anyone else is a new upload, because it may mean a return to an earlier text', async () => {
    const acceptor = acceptorOn();
    for (const content of ['one', 'two', 'one']) await acceptor.accept(anyone(), [row('a', { content })]);
    await ingestAll();
    expect(await contentOf('a')).toBe('one');
  });
});

describe('the order', () => {
  it('of an agent that knows its numbers is its own, the same for all parts of its upload', async () => {
    const acceptor = acceptorOn();
    await acceptor.accept(agent('u3', 3), [row('a', { content: 'third' })]);
    await acceptor.accept(agent('u2', 2), [row('a', { content: 'second' }), row('b')]);
    await acceptor.accept(agent('u3', 3), [row('c')]);
    expect((await manifests()).map(({ order, previousOrder }) => [order, previousOrder])).toEqual([
      [2, 1],
      [3, 2],
      [3, 2],
    ]);
    await ingestAll();
    expect(await contentOf('a')).toBe('third');
  });

  it('of anyone else lies above all that is on record, stored a moment ago, or found under the prefix', async () => {
    const original = { systemId: system, uploadId: '20260101_000000_host-1' };
    await putOriginal(world.uploads, original, { 'reflection.duckdb': Buffer.from('any') });
    const time = Date.UTC(2026, 0, 1);
    const acceptor = acceptorOn();
    const first = await acceptor.accept(anyone(), [row('a')]);
    const second = await acceptor.accept(anyone(), [row('b')]);
    expect([first.order, second.order]).toEqual([time + 1, time + 2]);
    // An upload on record of which nothing stands any more.
    await world.store.registerUploads([
      {
        systemId: system,
        uploadId: 'gone',
        order: time + 9,
        previousOrder: null,
        manifestSha256: '',
        createdAt: 0,
      },
    ]);
    expect((await acceptorOn().accept(anyone(), [row('c')])).order).toBe(time + 10);
  });

  it('of a host that lost its disk lies above what it sent before, the same for all parts also after a restart', async () => {
    await acceptorOn().accept(agent('before', 8), [row('a', { content: 'before' })]);
    const lost = agent('after', 1, { orderIsKnown: false });
    const acceptor = acceptorOn();
    const first = await acceptor.accept(lost, [row('a', { content: 'after' })]);
    const second = await acceptor.accept(lost, [row('b')]);
    const third = await acceptorOn().accept(lost, [row('c')]);
    expect([first.order, second.order, third.order]).toEqual([9, 9, 9]);
    await ingestAll();
    expect(await contentOf('a')).toBe('after');
  });
});

describe('a part of an upload', () => {
  it('makes no row absent', async () => {
    const acceptor = acceptorOn();
    await acceptor.accept(anyone(), [row('a')]);
    await acceptor.accept(anyone(), [row('b')]);
    await ingestAll();
    const receipts = await Promise.all(stored.map((ref) => world.receipt(ref)));
    expect(receipts.map((receipt) => receipt?.rows)).toEqual([
      expect.objectContaining({ new: 1, absent: 0 }),
      expect.objectContaining({ new: 1, absent: 0 }),
    ]);
  });

  it('that comes late does not replace what a later upload found unchanged', async () => {
    const acceptor = acceptorOn();
    const newest = row('a', { content: 'A' });
    await acceptor.accept(agent('u1', 1), [newest]);
    // Some of the second has come; the part with B is on its way for long.
    await acceptor.accept(agent('u2', 2), [row('b')]);
    await ingestAll();
    await acceptor.accept(agent('u3', 3), [newest]);
    await ingestAll();
    await acceptor.accept(agent('u2', 2), [row('a', { content: 'B' })]);
    await ingestAll();
    expect(await contentOf('a')).toBe('A');
  });
});

describe('what cannot be stored', () => {
  it('fails with the object store’s error, promises nothing, and is stored when it is sent again', async () => {
    const away = new AkoshaError('ObjectStoreUnavailable', 'away');
    const faulty = acceptorOn(world.withFaults({ put: () => Promise.reject(away) }));
    await expect(faulty.accept(agent('u1', 1), [row('a')])).rejects.toBe(away);
    expect(stored).toEqual([]);
    await acceptorOn().accept(agent('u1', 1), [row('a')]);
    await ingestAll();
    expect(await contentOf('a')).toBe('text of a');
  });

  it('is answered by the upload that stands where only the manifest’s answer was lost', async () => {
    const { uploads } = world;
    const lossy = world.withFaults({
      put: async (key, body, options) => {
        await uploads.put(key, body, options);
        if (key.endsWith('manifest.json')) throw new AkoshaError('ObjectExists', 'it is there');
      },
    });
    expect(await acceptorOn(lossy).accept(anyone(), [row('a')])).toMatchObject({ order: 1 });
    expect(await manifests()).toHaveLength(1);
  });

  it('costs others that came with it nothing', async () => {
    const acceptor = acceptorOn();
    const bad = acceptor.accept(anyone(), [row('bad', { fields: { timestamp: 'yesterday' } })]);
    const good = acceptor.accept(anyone(), [row('good')]);
    await expect(bad).rejects.toMatchObject({ type: 'BadRequest' });
    await good;
    await ingestAll();
    expect(await contentOf('good')).toBe('text of good');
  });

  it('is turned away while too much waits', async () => {
    let free = (): void => undefined;
    const freed = new Promise<void>((resolve) => (free = resolve));
    const slow = world.withFaults({ put: async (...args) => freed.then(() => world.uploads.put(...args)) });
    const acceptor = acceptorOn(slow, { maxWaitingBytes: 300 });
    const first = acceptor.accept(anyone(), [row('a')]);
    await expect(acceptor.accept(anyone(), [row('b'), row('c')])).rejects.toMatchObject({
      type: 'ServerUnavailable',
    });
    free();
    await first;
    await acceptor.accept(anyone(), [row('b'), row('c')]);
  });
});

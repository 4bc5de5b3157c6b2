import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { manifestKey, NO_ROWS, uploadPrefix, type UploadRef } from '../../src/contract/index.js';
import { ingestUpload, walkUploads, type IngestContext } from '../../src/ingest/index.js';
import { openObjectStore, type ObjectStore } from '../../src/objects/index.js';
import { s3Url } from '../objects/stores.js';
import { openIngestWorld, type IngestWorld } from './support.js';

let world: IngestWorld;
let uploads: ObjectStore;
let context: IngestContext;

beforeAll(async () => {
  world = await openIngestWorld();
  uploads = await openObjectStore(s3Url());
  context = { ...world.context, uploads, mirrorSystems: ['*'] };
});
afterAll(async () => {
  await uploads.close();
  await world.close();
});

const VECTOR = Array<number>(384).fill(0.05);

/** Puts an upload as a host that wrote for the original server did. */
async function arrive(
  ref: UploadRef,
  conversations: readonly object[],
  name = 'memories.json',
): Promise<void> {
  const file = Buffer.from(JSON.stringify({ conversations }));
  await uploads.put(uploadPrefix(ref) + name, name.endsWith('.gz') ? gzipSync(file) : file);
  const manifest = {
    uploaded_at: '2026-11-22T09:00:00+00:00',
    conversation_count: 4,
    version: '1.0',
    files: [name],
  };
  await uploads.put(manifestKey(ref), JSON.stringify(manifest));
}

const ONE = { systemId: 'wrote-json', uploadId: '20261122_090000_wrote-json' };
const TWO = { systemId: 'wrote-json', uploadId: 'second.upload' };

const CONVERSATIONS = [
  {
    id: 'c1',
    content: 'with all of it',
    embedding: VECTOR,
    timestamp: '2026-11-20T10:00:00+02:00',
    metadata: { project: 'p' },
  },
  {
    id: 'c2',
    content: 'with zeros for a vector',
    embedding: Array<number>(384).fill(0),
    timestamp: '2026-11-21T10:00:00',
  },
  { content: 'without an id or a time' },
  { id: 'c4', content: '' },
];

it('an upload of memories.json goes in through S3, and a second reading of it is the same rows', async () => {
  await arrive(ONE, CONVERSATIONS);
  const { added, failed } = await walkUploads(context, () => undefined);
  expect({ added, failed }).toEqual({ added: [ONE], failed: [] });
  expect(await ingestUpload(context, ONE)).toMatchObject({
    status: 'ingested',
    rows: { ...NO_ROWS, new: 3, refused: 1 },
  });
  const { memories } = await world.store.listMemories(ONE.systemId, { limit: 10 });
  const stored = await world.store.fetch(memories, ['hot', 'warm', 'cold']);
  const own = memories.map(({ memoryId }) => stored.find((memory) => memory.memoryId === memoryId));
  expect(own).toMatchObject([
    { memoryId: 'c1', project: 'p', ownTime: Date.parse('2026-11-20T08:00:00Z') },
    { memoryId: 'c2', content: 'with zeros for a vector', ownTime: Date.parse('2026-11-21T10:00:00Z') },
    { content: 'without an id or a time', ownTime: Date.parse('2026-11-22T09:00:00Z') },
  ]);
  const record = await world.store.getUpload(ONE);
  expect(record).toMatchObject({
    reader: 'akosha-json 1',
    files: [{ name: 'memories.json', refused: { 'no text in content': 1 } }],
  });
  expect(JSON.parse((await uploads.get(`${uploadPrefix(ONE)}receipt.json`)).toString())).toMatchObject({
    status: 'ingested',
    files: [{ refused: { 'no text in content': 1 } }],
  });

  // In other order, compressed, by another id; of what it lacks nothing is deleted: it nowhere says that it is all.
  await arrive(TWO, CONVERSATIONS.slice(1).toReversed(), 'memories.json.gz');
  await walkUploads(context, () => undefined);
  expect(await ingestUpload(context, TWO)).toMatchObject({
    status: 'ingested',
    rows: { ...NO_ROWS, unchanged: 2, refused: 1 },
  });
});

it('of two of one millisecond the one of the greater id counts, whichever came first, and the other is ingested first', async () => {
  const [older, newer] = ['batch-a', 'batch-b'];
  const come = async (systemId: string, uploadId: string): Promise<UploadRef> => {
    const ref = { systemId, uploadId };
    await arrive(ref, [
      { id: 'both', content: `both, as ${uploadId} has it` },
      { id: uploadId, content: `only in ${uploadId}` },
    ]);
    await walkUploads(context, () => undefined);
    return ref;
  };
  const textsOf = async (systemId: string): Promise<string[]> => {
    const { memories } = await world.store.listMemories(systemId, { limit: 10 });
    const rows = await world.store.fetch(memories, ['hot', 'warm', 'cold']);
    return rows.map(({ content }) => content).sort();
  };
  for (const [systemId, ids] of [
    ['in-order', [older, newer]],
    ['in-reverse', [newer, older]],
  ] as const) {
    for (const uploadId of ids) await ingestUpload(context, await come(systemId, uploadId));
  }
  expect(await textsOf('in-order')).toEqual([
    'both, as batch-b has it',
    'only in batch-a',
    'only in batch-b',
  ]);
  expect(await textsOf('in-reverse')).toEqual(await textsOf('in-order'));

  const second = await come('queued', newer);
  const first = await come('queued', older);
  expect(await world.store.nextUpload('queued')).toMatchObject(first);
  await ingestUpload(context, first);
  expect(await world.store.nextUpload('queued')).toMatchObject(second);
});

it('one that is no JSON goes to quarantine with its reason', async () => {
  const ref = { systemId: 'wrote-text', uploadId: '20261122_090000_x' };
  await arrive(ref, []);
  await uploads.put(`${uploadPrefix(ref)}memories.json`, 'none');
  await walkUploads(context, () => undefined);
  expect(await ingestUpload(context, ref)).toMatchObject({
    status: 'quarantined',
    reason: 'memories.json is not JSON: "{" expected at byte 0',
  });
});

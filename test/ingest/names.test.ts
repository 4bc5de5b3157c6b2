import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { inboxKey, manifestKey, receiptKey, type UploadRef } from '../../src/contract/index.js';
import { ingestUpload, pollInbox, registerUpload, walkUploads } from '../../src/ingest/index.js';
import { parseReceipt } from '../../src/memory/index.js';
import { SAMPLES } from '../support/databases.js';
import { emptyManifest } from '../upload/support.js';
import { openIngestWorld, originalId, putOriginal, type IngestWorld } from './support.js';

let world: IngestWorld;

beforeAll(async () => {
  world = await openIngestWorld();
});
afterAll(() => world.close());

/** An upload as the original host of this name makes it: the name is in the upload's id as well. */
async function arrive(name: string): Promise<UploadRef> {
  const place = { systemId: name, uploadId: `${originalId()}_${name}` };
  const file = gzipSync(await readFile(join(SAMPLES, 'knowledge_graph.duckdb')));
  await putOriginal(world.uploads, place, { 'knowledge_graph.duckdb.gz': file });
  return place;
}

/** An upload as our agent makes it, without files. */
async function arriveFromAgent(ref: UploadRef): Promise<void> {
  await world.uploads.put(manifestKey(ref), emptyManifest(ref));
}

const walk = (onlySystem?: string) => walkUploads(world.context, () => undefined, undefined, onlySystem);

const LONG = `${'long-name.'.repeat(11)}example`;

describe('a host whose name is no id', () => {
  it.each([
    ['laptop.local', 'x--laptop_2Elocal', /^\d{8}_\d{6}_0a1b2c3d_laptop\.local$/],
    ['Les’s Mac (2)', 'x--Les_E2_80_99s_20Mac_20_282_29', /^x--\d{8}_5F\d{6}_5F0a1b2c3d_5FLes_E2/],
    ['x--laptop_2Elocal', 'x--x--laptop_5F2Elocal', /^\d{8}_\d{6}_0a1b2c3d_x--laptop_2Elocal$/],
    [LONG, expect.stringMatching(/^x--long-name_2E.*__[0-9a-f]{32}$/), /^x--.*__[0-9a-f]{32}$/],
  ])('%s: its uploads are found and ingested, once, under an id of its own', async (name, id, uploadId) => {
    const place = await arrive(name);
    const { added, systems, skipped, failed } = await walk();
    expect({ systems, skipped, failed }).toEqual({ systems: [id], skipped: 0, failed: [] });
    const [ref] = added;
    if (ref === undefined) expect.fail('nothing was added');
    expect(ref.uploadId).toMatch(uploadId);
    expect(await world.store.nextUpload(ref.systemId)).toMatchObject({ ...ref, place });

    const outcome = await ingestUpload(world.context, ref);
    expect(outcome).toMatchObject({ status: 'ingested', rows: { new: 56 + 79 } });
    const receipt = parseReceipt(await world.uploads.get(receiptKey(place)));
    expect(receipt).toMatchObject({ system_id: ref.systemId, upload_id: ref.uploadId });
    expect((await world.store.getUpload(ref))?.state).toBe('done');
    expect(await walk()).toMatchObject({ added: [], failed: [] });
    expect(await world.store.renamedSystems(10, ref.systemId)).toEqual([{ systemId: ref.systemId, name }]);
    // Walked alone, by its id.
    const next = await arrive(name);
    const alone = await walk(ref.systemId);
    expect(alone).toMatchObject({ seen: 2, added: [{ systemId: ref.systemId }] });
    expect(await world.store.knownUploads([next])).toMatchObject([{ place: next, state: 'pending' }]);
  });

  it('goes on as the same system when our agent takes its place', async () => {
    const agent = { systemId: 'x--laptop_2Elocal', uploadId: '01JD7Z0000000000000000000A' };
    await arriveFromAgent(agent);
    expect(await registerUpload(world.context, agent)).toBe(true);
    expect(await world.store.getUpload(agent)).toMatchObject({ ...agent, place: agent });
    // In the folder that another system has: one whose name is this id.
    const known = await world.store.knownUploads([agent]);
    expect(known).toEqual([{ place: agent, ref: agent, state: 'pending' }]);
  });

  it('is in the list of those whose name is not their id, and no other is', async () => {
    await arriveFromAgent({ systemId: 'plain', uploadId: '01JD7Z0000000000000000000B' });
    await walk();
    const renamed = await world.store.renamedSystems(10);
    expect(renamed.map(({ name }) => name)).toEqual([
      'Les’s Mac (2)',
      'laptop.local',
      LONG,
      'x--laptop_2Elocal',
    ]);
    expect(renamed.map(({ systemId }) => systemId)).toEqual(renamed.map(({ systemId }) => systemId).sort());
    expect(await world.store.renamedSystems(1)).toHaveLength(1);
    expect(await world.store.renamedSystems(10, 'plain')).toEqual([]);
  });
});

describe('an id that is taken by an upload elsewhere', () => {
  it('is told by each walk, and once by an entry in the inbox, and the first one keeps it', async () => {
    const place = { systemId: 'moved.local', uploadId: originalId() };
    await putOriginal(world.uploads, place, {});
    await walk();
    // Somebody copied the folder of the name to that of the id, and had an agent's manifest written for it.
    const copy = { systemId: 'x--moved_2Elocal', uploadId: place.uploadId };
    await arriveFromAgent(copy);
    for (let look = 0; look < 2; look++) {
      expect(await walk()).toMatchObject({
        added: [],
        failed: [
          { ref: copy, reason: expect.stringContaining(`systems/moved.local/uploads/${place.uploadId}/`) },
        ],
      });
    }
    expect(await world.store.getUpload(copy)).toMatchObject({ place });

    // Nor for ever by an entry in the inbox: that is told of once, and goes.
    await world.uploads.put(inboxKey(copy), '');
    const before = world.warnings.length;
    expect(await pollInbox(world.context)).toMatchObject({ seen: 1, added: [], failed: [] });
    expect(world.warnings.slice(before)).toEqual([
      { entries: [{ place: copy, reason: expect.stringContaining('is at systems/moved.local/') }] },
    ]);
    expect(await pollInbox(world.context)).toMatchObject({ seen: 0 });
    expect(world.warnings).toHaveLength(before + 1);
    expect(await world.uploads.head(manifestKey(copy))).toBeDefined();
    expect(await walk()).toMatchObject({ failed: [{ ref: copy }] });
  });
});

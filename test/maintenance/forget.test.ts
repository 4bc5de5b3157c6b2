import { describe, expect, it, onTestFinished } from 'vitest';
import {
  forgetReceiptKey,
  forgottenSystemKey,
  manifestKey,
  tombstoneKey,
  type ForgetScope,
} from '../../src/contract/index.js';
import { ingestUpload, registerUpload } from '../../src/ingest/index.js';
import {
  erasePass,
  finishForget,
  liftForget,
  loadTombstones,
  requestForget,
  resumeForgets,
} from '../../src/maintenance/index.js';
import { scopeIdOf } from '../../src/memory/index.js';
import { openForgetWorld, type ForgetWorld } from './support.js';

async function openWorld(): Promise<ForgetWorld> {
  const world = await openForgetWorld();
  onTestFinished(() => world.close());
  return world;
}

const COLD = '2026-01-05T09:00:00';
const WARM = '2026-10-05T09:00:00';
const PROJECT = { scope: 'project', project: 'p', systemId: null } as const;

describe('forgetting', () => {
  it('takes a project out of every tier, object and upload, and leaves what is beside it', async () => {
    const world = await openWorld();
    const first = await world.upload('a', [
      { id: '1', text: 'xylophone one', project: 'p' },
      { id: '2', text: 'stays hot', project: 'q' },
      { id: '3', text: 'xylophone three', project: 'p', at: COLD },
      { id: '4', text: 'stays cold', at: COLD },
      { id: '5', text: 'xylophone five', project: 'p', at: WARM },
      { id: '6', text: 'stays warm', at: WARM },
      { id: '7', text: 'xylophone before it had a project', at: WARM },
    ]);
    await world.upload('b', [{ id: '1', text: 'xylophone of b', project: 'p' }]);
    await world.age('2026-11-22T12:00:00Z');
    await world.upload('a', [{ id: '7', text: 'xylophone seven', project: 'p', at: WARM }]);

    const pinned = ['1', '2'].map((memoryId) => ({ systemId: 'a', kind: 'conversation' as const, memoryId }));
    await world.store.pinMemories(pinned, { tier: 'hot', reason: 'why' });

    const receipt = await world.forgetAll(PROJECT);

    expect((await world.store.listPins({ limit: 10 })).pins).toMatchObject([{ memoryId: '2' }]);
    expect(receipt).toMatchObject({
      scope_id: scopeIdOf(PROJECT),
      memories: { hot: 2, warm: 2, cold: 1 },
      // What was replaced, and what the moves left behind, with them.
      rows: expect.any(Number),
      uploads: { deleted: 3 },
    });
    expect(JSON.stringify(receipt)).not.toContain('xylophone');
    expect(await world.texts('a')).toEqual(['stays cold', 'stays hot', 'stays warm']);
    expect(await world.texts('b')).toEqual([]);
    expect(await world.store.searchWords('hot', ['xylophone'], { tiers: ['hot'] }, 10)).toEqual([]);
    const objects = await world.textsInObjects();
    expect(objects.filter((text) => text.startsWith('xylophone'))).toEqual([]);
    expect(new Set(objects)).toEqual(new Set(['stays cold', 'stays hot', 'stays warm']));
    expect(await world.uploads.head(manifestKey(first))).toBeUndefined();
    expect(await world.receipt(first)).toMatchObject({ rows: { new: 7 }, forgotten_at: expect.any(String) });
    expect(
      await world.archive.head(forgetReceiptKey(receipt.scope_id, Date.parse(receipt.requested_at))),
    ).toBeDefined();
    await world.store.checkpoint();
    expect(await world.filesWith('xylophone')).toEqual([]);
  });

  it('drops what searches derived once nothing is found any more, and again once those under way have ended', async () => {
    const world = await openWorld();
    await world.upload('a', [{ id: '1', text: 'xylophone', project: 'p' }]);
    const states: unknown[] = [];
    const dropDerived = (): void => void states.push(world.store.tombstones());
    const context = { ...world.forget, dropDerived };
    await requestForget(context, PROJECT);
    expect(await Promise.all(states)).toMatchObject([[{ scope: PROJECT, state: 'standing' }]]);
    while ((await erasePass(context, PROJECT)).rows > 0);
    expect(states).toHaveLength(1);
    await finishForget(context, PROJECT);
    expect(states).toHaveLength(2);
  });

  it('keeps a memory that is in another project since, and forgets it where it was', async () => {
    const world = await openWorld();
    await world.upload('a', [{ id: '1', text: 'xylophone', project: 'p' }]);
    await world.upload('a', [{ id: '1', text: 'moved on', project: 'q' }]);
    await world.upload('a', [{ id: '2', text: 'xylophone too', project: 'p' }]);
    await requestForget(world.forget, PROJECT);
    // Between the passes, when what was placed before is still being looked for.
    await world.upload('a', [{ id: '2', text: 'also moved on', project: 'q' }]);
    await world.forgetAll(PROJECT);
    expect(await world.texts('a')).toEqual(['also moved on', 'moved on']);
    expect(await world.textsInObjects()).toEqual(['also moved on', 'moved on']);
  });

  it('refuses what comes back, deletes its files at once, and takes it in again once lifted', async () => {
    const world = await openWorld();
    const memory: ForgetScope = { scope: 'memory', systemId: 'a', kind: 'conversation', memoryId: '1' };
    const all = [
      { id: '1', text: 'xylophone' },
      { id: '2', text: 'stays' },
    ];
    await world.upload('a', all);
    await expect(liftForget(world.forget, memory)).rejects.toMatchObject({ type: 'ForgetUnknown' });
    await requestForget(world.forget, memory);
    await expect(liftForget(world.forget, memory)).rejects.toMatchObject({ type: 'ForgetUnfinished' });
    await world.forgetAll(memory);
    const again = await world.upload('a', all);
    expect(await world.store.getUpload(again)).toMatchObject({
      state: 'raw_gone',
      rows: { refused: 1, unchanged: 1 },
      forgottenRows: 1,
    });
    expect(await world.uploads.head(manifestKey(again))).toBeUndefined();
    expect(await world.receipt(again)).toMatchObject({ rows: { refused: 1 } });
    expect(await world.texts('a')).toEqual(['stays']);

    await liftForget(world.forget, memory);
    expect(await world.archive.head(tombstoneKey(scopeIdOf(memory)))).toBeUndefined();
    await world.upload('a', all);
    expect(await world.texts('a')).toEqual(['stays', 'xylophone']);
    expect(await world.store.listForgets(10)).toMatchObject([
      { receipt: { memories: { hot: 1 } }, liftedAt: expect.any(Number) },
    ]);
  });

  it('takes in what waits of a system first, gives up what is in quarantine, and leaves receipts alone', async () => {
    const world = await openWorld();
    const system = { scope: 'system', systemId: 'a' } as const;
    await world.upload('a', [{ id: '1', text: 'xylophone' }]);
    const waiting = await world.put('a', [{ id: '2', text: 'xylophone that waits' }]);
    const broken = await world.put('a', [{ id: '3', text: 'xylophone' }]);
    await world.uploads.put(`systems/a/uploads/${broken.uploadId}/reflection.duckdb.gz`, 'xylophone');
    await registerUpload(world.context, broken);
    await world.upload('b', [{ id: '1', text: 'of another' }]);

    await world.forgetAll(system);

    expect(await world.receipt(waiting)).toMatchObject({ status: 'ingested', rows: { new: 0, refused: 1 } });
    expect(await world.store.getUpload(broken)).toMatchObject({
      state: 'dropped',
      dropped: { by: 'forget' },
    });
    const left: string[] = [];
    for await (const page of world.uploads.list('systems/a/'))
      left.push(...page.objects.map(({ key }) => key));
    expect(left.filter((key) => !/receipt\.json$/.test(key))).toEqual(['systems/a/forgotten.json']);
    expect(left).toHaveLength(4);
    expect(await world.textsInObjects()).toEqual(['of another']);
    await liftForget(world.forget, system);
    expect(await world.uploads.head('systems/a/forgotten.json')).toBeUndefined();
  });

  it('is gone on with where a server died between object storage and its catalog, and is known to a new store', async () => {
    const world = await openWorld();
    await world.upload('a', [{ id: '1', text: 'xylophone', project: 'p' }]);
    const scopeId = scopeIdOf(PROJECT);
    await world.archive.put(
      tombstoneKey(scopeId),
      JSON.stringify({
        format_version: 1,
        what: { scope: 'project', project: 'p', system_id: null },
        requested_at: '2026-11-22T12:00:00.000Z',
      }),
    );
    expect(await resumeForgets(world.forget)).toEqual([PROJECT]);
    expect(await world.texts('a')).toEqual([]);
    const receipt = await world.forgetAll(PROJECT);
    expect(receipt.requested_at).toBe('2026-11-22T12:00:00.000Z');
    expect(await resumeForgets(world.forget)).toEqual([]);

    await world.store.loadTombstones([]);
    expect(await world.store.tombstones()).toEqual([]);
    await loadTombstones(world.forget);
    expect(await world.store.tombstones()).toMatchObject([{ scopeId, scope: PROJECT, state: 'erased' }]);
    await world.upload('a', [{ id: '9', text: 'xylophone', project: 'p' }]);
    expect(await world.texts('a')).toEqual([]);
  });

  it('comes to an end while hosts go on uploading, and leaves what was taken in after its tombstone alone', async () => {
    const world = await openWorld();
    await world.upload('a', [{ id: '1', text: 'xylophone', project: 'p' }]);
    await requestForget(world.forget, PROJECT);
    expect(await erasePass(world.forget, PROJECT)).toMatchObject({ uploads: 1 });
    const later = await world.upload('a', [{ id: '2', text: 'stays', project: 'q' }]);
    expect(await erasePass(world.forget, PROJECT)).toEqual({ rows: 0, objects: 0, uploads: 0 });
    expect(await world.uploads.head(manifestKey(later))).toBeDefined();
    expect(await world.receipt(later)).not.toHaveProperty('forgotten_at');
  });

  it('lets a host send again before its tombstone goes, so that a lift cut short leaves none kept from it for good', async () => {
    const world = await openWorld();
    const system = { scope: 'system', systemId: 'a' } as const;
    await world.forgetAll(system);
    const died = new Error('died');
    const archive = Object.create(world.archive, {
      delete: {
        value: async (names: string[]) => {
          await world.archive.delete(names);
          throw died;
        },
      },
    }) as ForgetWorld['archive'];
    await expect(liftForget({ ...world.forget, archive }, system)).rejects.toBe(died);
    expect(await world.archive.head(tombstoneKey(scopeIdOf(system)))).toBeUndefined();
    expect(await world.uploads.head(forgottenSystemKey('a'))).toBeUndefined();
  });

  it('finds in its second look what landed after the first', async () => {
    const world = await openWorld();
    const ref = await world.upload('a', [
      { id: '1', text: 'xylophone', project: 'p' },
      { id: '2', text: 'stays' },
    ]);
    const [journal] = await objectsUnder(world, 'journal/');
    await world.archive.getFile(journal ?? '', `${world.folder}/late.parquet`);
    await requestForget(world.forget, PROJECT);
    await erasePass(world.forget, PROJECT);
    // A put of a server that died before the tombstone stood.
    await world.archive.putFile(
      `journal/system=a/${ref.uploadId}-7-0123456789abcdef.parquet`,
      `${world.folder}/late.parquet`,
    );
    expect(await erasePass(world.forget, PROJECT)).toMatchObject({ objects: 1 });
    expect(await erasePass(world.forget, PROJECT)).toEqual({ rows: 0, objects: 0, uploads: 0 });
    expect(await world.textsInObjects()).toEqual(['stays']);
    expect(await ingestUpload(world.context, ref)).toMatchObject({ status: 'already' });
  });
});

async function objectsUnder(world: ForgetWorld, prefix: string): Promise<string[]> {
  const names: string[] = [];
  for await (const page of world.archive.list(prefix)) names.push(...page.objects.map(({ key }) => key));
  return names;
}

import { rm, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import {
  isAkoshaError,
  type ForgetScope,
  type RetentionCursor,
  type SelectionCursor,
  type UploadRef,
} from '../../../src/contract/index.js';
import { FAIL_POINTS, type FailPoint } from '../../../src/faults/index.js';
import { dropUpload, inTurn, readFound, requestAgain, retryUpload } from '../../../src/ingest/index.js';
import {
  compactCold,
  erasePass,
  finishForget,
  liftForget,
  moveChosen,
  moveToWarm,
  planCompaction,
  rebuildStore,
  repairTier,
  requestForget,
  retireUploads,
  sweep,
  takeBackup,
} from '../../../src/maintenance/index.js';
import { openRebuild } from '../../../src/store/index.js';
import { openHost, syncDirectly, type OpenHost } from '../../../src/upload/index.js';
import { makeDatabase } from '../../support/databases.js';
import { outageOf } from './outage-operation.js';
import { DAY, keyOf, type FaultWorld, type Memory } from './fault-world.js';

/** Something that the program does, in which fail points lie. */
export interface Operation {
  points: readonly FailPoint[];
  /** It does not fail where something that it does fails: it tries that again, until the fault is over. */
  goesOn?: true;
  /** Makes something to do. */
  prepare(): Promise<void>;
  /** Does it, from its beginning or from where an attempt before it stopped, as its workflow tries it again. */
  attempt(): Promise<void>;
}

/** Days: hot is younger than 7, warm than 90. */
const AGES = { hot: 1, warm: 30, cold: 120 } as const;

/** All that a server, and an agent by way of object storage, do. */
export function operationsOf(world: FaultWorld): Record<string, Operation> {
  let made = 0;
  /** One of few, so that the searches beside all this stay quick, in another wording. */
  const memory = (age: number, id = `of ${age} days`): Memory => ({ id, text: `memory ${++made}`, age });
  const fresh = (age: number): Memory => memory(age, `m${made}`);
  const pointsOf = (...families: string[]): FailPoint[] =>
    FAIL_POINTS.filter((point) => families.some((family) => point.startsWith(`${family}.`)));

  const ingest: Operation = {
    points: pointsOf('ingest'),
    prepare: async () => {
      await world.arrive('ingested', [memory(AGES.hot), memory(AGES.warm), memory(AGES.hot, 'other')]);
    },
    attempt: () => world.drain('ingested'),
  };

  let inQuarantine: UploadRef;
  const quarantined = async (systemId: string): Promise<Memory[]> => {
    const memories = [memory(AGES.hot)];
    inQuarantine = await world.arrive(systemId, memories, Buffer.from('no gzip'));
    await world.drain(systemId);
    return memories;
  };
  const retry: Operation = {
    points: pointsOf('retry'),
    prepare: async () => {
      const memories = await quarantined('retried');
      await world.mend(inQuarantine, memories);
    },
    attempt: async () => {
      const { state } = (await world.store.getUpload(inQuarantine)) ?? {};
      if (state === 'quarantined') await retryUpload(world.ingest, inQuarantine);
      await world.drain('retried');
    },
  };
  const drop: Operation = {
    points: pointsOf('drop'),
    prepare: async () => void (await quarantined('dropped')),
    attempt: async () => {
      await dropUpload(world.ingest, inQuarantine, { by: 'a test', reason: 'no gzip' });
    },
  };

  let again: UploadRef;
  let isAsked = false;
  const ingestAgain: Operation = {
    points: pointsOf('again'),
    prepare: async () => {
      again = await world.bring('again', [memory(AGES.hot), memory(AGES.warm)]);
      isAsked = false;
    },
    attempt: async () => {
      const record = await world.store.getUpload(again);
      if (!isAsked && record?.again === null) await requestAgain(world.ingest, again);
      isAsked = true;
      await world.drain('again');
    },
  };

  const move: Operation = {
    points: pointsOf('move'),
    prepare: async () => void (await world.bring('moved', [memory(AGES.hot), memory(AGES.hot, 'other')])),
    attempt: async () => {
      while ((await moveToWarm(world.maintenance, world.now + 30 * DAY)).due > 0);
    },
  };
  const cold: Operation = {
    points: pointsOf('cold'),
    prepare: async () => void (await world.bring('cold', [memory(AGES.cold), memory(AGES.cold, 'other')])),
    attempt: () => world.toCold(),
  };
  const thaw: Operation = {
    points: pointsOf('thaw'),
    prepare: async () => {
      await world.bring('thawed', [memory(AGES.cold), memory(AGES.cold, 'other')]);
      await world.toCold();
    },
    attempt: async () => {
      const request = { selection: { systemId: 'thawed' }, from: 'cold', to: 'warm' } as const;
      for (let after: SelectionCursor | null = null; ;) {
        ({ next: after } = await moveChosen(world.maintenance, { ...request, after }));
        if (after === null) return;
      }
    },
  };
  const compact: Operation = {
    points: pointsOf('compact'),
    prepare: async () => {
      for (const id of ['one', 'other']) {
        await world.bring('compacted', [memory(AGES.cold, id)]);
        await world.toCold();
      }
    },
    attempt: async () => {
      const all = { all: true, asOf: world.now };
      for (const partition of await planCompaction(world.maintenance, all))
        await compactCold(world.maintenance, partition, all);
    },
  };
  const sweeping: Operation = {
    points: pointsOf('sweep'),
    // Of a month that nothing else is of, so that its table is emptied. Then garbage is noted, for the next sweep.
    prepare: async () => {
      await world.bring('swept', [memory(60)]);
      await world.toCold(world.now + 60 * DAY);
      await sweep(world.maintenance);
      world.now += 1_000;
    },
    attempt: async () => void (await sweep(world.maintenance)),
  };

  let scope: ForgetScope & { scope: 'memory' };
  const forgettable = async (systemId: string): Promise<void> => {
    const forgotten = fresh([AGES.hot, AGES.warm, AGES.cold][made % 3] ?? AGES.hot);
    await world.bring(systemId, [forgotten, memory(AGES.hot), memory(AGES.cold)]);
    if (made % 2 === 0) await world.toCold();
    scope = { scope: 'memory', systemId, kind: 'conversation', memoryId: forgotten.id };
  };
  const forgetAll = async (): Promise<void> => {
    const key = keyOf(scope.systemId, scope.memoryId);
    world.model.may(key, undefined);
    await requestForget(world.maintenance, scope);
    world.model.is(key, undefined);
    for (;;) {
      const { rows, objects, uploads } = await erasePass(world.maintenance, scope);
      if (rows + objects + uploads === 0) break;
    }
    await finishForget(world.maintenance, scope);
  };
  const forget: Operation = {
    points: pointsOf('forget'),
    prepare: () => forgettable('forgetting'),
    attempt: forgetAll,
  };
  const lift: Operation = {
    points: pointsOf('lift'),
    prepare: async () => {
      await forgettable('lifted');
      await forgetAll();
    },
    // It comes back with the next upload of its host, and not before.
    attempt: async () => {
      const isForgotten = (await world.store.tombstones()).some(
        (one) => one.scope.scope === 'memory' && one.scope.memoryId === scope.memoryId,
      );
      if (isForgotten) await liftForget(world.maintenance, scope);
      await world.bring('lifted', [{ id: scope.memoryId, text: 'memory that is back', age: AGES.hot }]);
    },
  };

  const retire = async (): Promise<void> => {
    const context = { store: world.store, uploads: world.objects, keepMs: 1, now: () => world.now, inTurn };
    for (let after: RetentionCursor | null = null; ;) {
      ({ next: after } = await retireUploads(context, after));
      if (after === null) return;
    }
  };
  const retention: Operation = {
    points: pointsOf('retention'),
    prepare: async () => {
      for (const _upload of ['one', 'other']) await world.bring('retired', [memory(AGES.hot)]);
      await takeBackup(world.backup);
      world.now += DAY;
    },
    attempt: retire,
  };

  let expiring: string[] = [];
  const expiry: Operation = {
    points: pointsOf('expire'),
    prepare: async () => {
      // The daily look, behind which the next may be by a month at the most.
      await planCompaction(world.maintenance, { all: false, asOf: world.now });
      const memories = [fresh(2_556.5), fresh(2_556.5)];
      await world.bring('expiring', memories);
      expiring = memories.map(({ id }) => keyOf('expiring', id));
      world.now += DAY;
      // Its time bears out what the server's clock says.
      await world.bring('expiring', [memory(AGES.hot)]);
      // Nothing expires while a pin is in no backup; what was thawed has one.
      await takeBackup(world.backup);
    },
    attempt: async () => {
      for (const key of expiring) world.model.may(key, undefined);
      await planCompaction(world.maintenance, { all: true, asOf: world.now });
      for (const key of expiring) world.model.is(key, undefined);
    },
  };

  const backup: Operation = {
    points: pointsOf('backup'),
    prepare: async () => void (await world.bring('saved', [memory(AGES.hot)])),
    attempt: async () => void (await takeBackup(world.backup)),
  };

  let isRebuilt = false;
  const rebuild: Operation = {
    points: pointsOf('rebuild'),
    prepare: async () => {
      isRebuilt = false;
      await world.bring('rebuilt', [memory(AGES.hot), memory(AGES.warm), memory(AGES.cold)]);
      await world.toCold();
      await takeBackup(world.backup);
      // What nobody needs costs a rebuild its time.
      world.now += DAY;
      await retire();
      for (const _look of ['first', 'second']) await sweep(world.maintenance);
      await loseStore(world);
    },
    attempt: async () => {
      if (!isRebuilt) await rebuildAll(world).catch(unlessMade);
      isRebuilt = true;
      await world.openStore();
    },
  };

  const index: Operation = {
    points: pointsOf('index'),
    prepare: async () => {
      await world.bring('indexed', [memory(AGES.hot)]);
      await world.indexed();
    },
    attempt: async () => {
      await world.store.checkpoint();
      for (const { state, reason } of await world.store.vectorIndexes())
        if (state !== 'ready' || reason !== null) throw new Error(`the vector index is ${state}: ${reason}`);
    },
  };

  const repair: Operation = {
    points: pointsOf('repair'),
    prepare: async () => {
      await world.bring('repaired', [memory(AGES.hot), memory(AGES.hot, 'other')]);
      await world.store.checkpoint();
      await world.closeStore();
      const hot = join(world.data, 'store/hot.duckdb');
      await truncate(hot, Math.floor((await stat(hot)).size / 2));
      await world.openStore();
    },
    attempt: async () => {
      await repairTier(world.maintenance, 'hot', () => undefined);
      // A person begins it again.
      if (world.store.damaged().length > 0) throw new Error('some of it is not back');
    },
  };

  const upload = uploadOf(world, memory);
  const outage = outageOf(world, memory);
  return {
    ...{ ingest, retry, drop, ingestAgain, move, cold, thaw, compact, sweeping, forget, lift, retention },
    ...{ expiry, backup, rebuild, index, repair, upload, outage },
  };
}

/** A rebuild touches no store that is made: one that failed at its very end has made it. */
function unlessMade(error: unknown): void {
  if (!isAkoshaError(error, 'BadRequest')) throw error;
}

/** The disk of the store is gone. */
export async function loseStore(world: FaultWorld): Promise<void> {
  await world.closeStore();
  for (const folder of ['store', 'cache', 'index'])
    await rm(join(world.data, folder), { recursive: true, force: true });
}

/** From object storage alone. */
export async function rebuildAll(world: FaultWorld): Promise<void> {
  const rebuild = await openRebuild({ ...world.engineOptions, asOf: world.now });
  try {
    await rebuildStore({
      rebuild,
      uploads: world.objects,
      archive: world.objects,
      scratch: world.scratch,
      readManifest: async (place, signal) =>
        (await readFound({ uploads: world.objects }, place, signal))?.upload,
      hashFile: (file) => world.reader.hashFile(file),
      longestMs: 0,
      oldServerDeadSince: null,
      skipDamaged: false,
      now: () => world.now,
      onProgress: () => undefined,
      onDamaged: (key) => {
        throw new Error(`${key} is damaged`);
      },
    });
  } finally {
    await rebuild.close();
  }
}

/** A host with a real database and outbox, its data folder on the same disk. */
function uploadOf(world: FaultWorld, memory: (age: number) => Memory): Operation {
  const database = join(world.data, 'host.duckdb');
  let host: OpenHost | undefined;
  let uploads = 0;
  let memories: Memory[] = [];
  return {
    points: FAIL_POINTS.filter((point) => point.startsWith('upload.')),
    prepare: async () => {
      host ??= openHost({
        systemId: 'agent',
        dataDir: join(world.data, 'agent'),
        databases: [database],
        uploads: world.objects,
        reader: world.reader,
        timeZone: 'UTC',
        now: () => world.now,
        rules: { forceMethod: 'auto', enableFallback: true, maxRetries: 0, retryBackoffMs: 1 },
      });
      memories = [memory(0)];
      uploads += 1;
      await makeDatabase(
        database,
        'CREATE OR REPLACE TABLE conversations_v2(id VARCHAR, content VARCHAR)',
        ...memories.map(({ id, text }) => `INSERT INTO conversations_v2 VALUES ('${id}', '${text}')`),
      );
      world.acknowledged('agent', memories);
    },
    attempt: async () => {
      if (host === undefined) throw new Error('no host is open');
      await syncDirectly(host, { uploadId: `agent-${uploads}` });
      await world.drain('agent');
    },
  };
}

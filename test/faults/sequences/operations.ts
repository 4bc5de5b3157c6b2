import { join } from 'node:path';
import {
  isAkoshaError,
  type ForgetScope,
  type RetentionCursor,
  type SelectionCursor,
  type UploadRef,
} from '../../../src/contract/index.js';
import { FAIL_POINTS, type FailPoint } from '../../../src/faults/index.js';
import { dropUpload, inTurn, requestAgain, retryUpload } from '../../../src/ingest/index.js';
import {
  compactCold,
  erasePass,
  finishForget,
  liftForget,
  moveChosen,
  moveToWarm,
  planCompaction,
  repairTier,
  requestForget,
  retireUploads,
  sweep,
  takeBackup,
} from '../../../src/maintenance/index.js';
import { damageRows } from '../../support/damage.js';
import { DAY, type Memory } from './arrival.js';
import { keyOf, type FaultWorld } from './fault-world.js';
import { loseStore, rebuildAll } from './lost-store.js';
import { outageOf } from './outage-operation.js';
import { uploadOf } from './upload-operation.js';

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

/** What an operation's next attempt goes by, whichever process takes it. As JSON. */
export interface OperationState {
  /** Memories. */
  made: number;
  inQuarantine: UploadRef;
  again: UploadRef;
  isAsked: boolean;
  scope: ForgetScope & { scope: 'memory' };
  /** It was asked for, and is not through. */
  isForgetting: boolean;
  expiring: string[];
  uploads: number;
}

const NOWHERE: UploadRef = { systemId: '', uploadId: '' };

export function newOperationState(): OperationState {
  return {
    ...{ made: 0, inQuarantine: NOWHERE, again: NOWHERE, isAsked: false, isForgetting: false },
    scope: { scope: 'memory', systemId: '', kind: 'conversation', memoryId: '' },
    ...{ expiring: [], uploads: 0 },
  };
}

/** All that a server, and an agent by way of object storage, do. */
export function operationsOf(
  world: FaultWorld,
  state: OperationState = newOperationState(),
): Record<string, Operation> {
  /** One of few, so that the searches beside all this stay quick, in another wording. */
  const memory = (age: number, id = `of ${age} days`): Memory => ({
    id,
    text: `memory ${++state.made}`,
    age,
  });
  const fresh = (age: number): Memory => memory(age, `m${state.made}`);
  const pointsOf = (...families: string[]): FailPoint[] =>
    FAIL_POINTS.filter((point) => families.some((family) => point.startsWith(`${family}.`)));

  const ingest: Operation = {
    points: pointsOf('ingest'),
    prepare: async () => {
      await world.arrive('ingested', [memory(AGES.hot), memory(AGES.warm), memory(AGES.hot, 'other')]);
    },
    attempt: () => world.drain('ingested'),
  };

  const quarantined = async (systemId: string): Promise<Memory[]> => {
    const memories = [memory(AGES.hot)];
    state.inQuarantine = await world.arrive(systemId, memories, Buffer.from('no gzip'));
    await world.drain(systemId);
    return memories;
  };
  const retry: Operation = {
    points: pointsOf('retry'),
    prepare: async () => {
      const memories = await quarantined('retried');
      await world.mend(state.inQuarantine, memories);
    },
    attempt: async () => {
      const record = await world.store.getUpload(state.inQuarantine);
      if (record?.state === 'quarantined') await retryUpload(world.ingest, state.inQuarantine);
      await world.drain('retried');
    },
  };
  const drop: Operation = {
    points: pointsOf('drop'),
    prepare: async () => void (await quarantined('dropped')),
    attempt: async () => {
      await dropUpload(world.ingest, state.inQuarantine, { by: 'a test', reason: 'no gzip' });
    },
  };

  const ingestAgain: Operation = {
    points: pointsOf('again'),
    prepare: async () => {
      state.again = await world.bring('again', [memory(AGES.hot), memory(AGES.warm)]);
      state.isAsked = false;
    },
    attempt: async () => {
      const record = await world.store.getUpload(state.again);
      if (!state.isAsked && record?.again === null) await requestAgain(world.ingest, state.again);
      state.isAsked = true;
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

  const forgettable = async (systemId: string): Promise<void> => {
    const forgotten = fresh([AGES.hot, AGES.warm, AGES.cold][state.made % 3] ?? AGES.hot);
    await world.bring(systemId, [forgotten, memory(AGES.hot), memory(AGES.cold)]);
    if (state.made % 2 === 0) await world.toCold();
    state.scope = { scope: 'memory', systemId, kind: 'conversation', memoryId: forgotten.id };
  };
  const forgetAll = async (): Promise<void> => {
    const { scope } = state;
    const key = keyOf(scope.systemId, scope.memoryId);
    state.isForgetting = true;
    world.model.may(key, undefined);
    await requestForget(world.maintenance, scope);
    world.model.is(key, undefined);
    for (;;) {
      const { rows, objects, uploads } = await erasePass(world.maintenance, scope);
      if (rows + objects + uploads === 0) break;
    }
    await finishForget(world.maintenance, scope);
    state.isForgetting = false;
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
      const { scope } = state;
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

  const expiry: Operation = {
    points: pointsOf('expire'),
    prepare: async () => {
      // The daily look, behind which the next may be by a month at the most.
      await planCompaction(world.maintenance, { all: false, asOf: world.now });
      const memories = [fresh(2_556.5), fresh(2_556.5)];
      await world.bring('expiring', memories);
      state.expiring = memories.map(({ id }) => keyOf('expiring', id));
      world.now += DAY;
      // Its time bears out what the server's clock says.
      await world.bring('expiring', [memory(AGES.hot)]);
      // Nothing expires while a pin is in no backup; what was thawed has one.
      await takeBackup(world.backup);
    },
    attempt: async () => {
      for (const key of state.expiring) world.model.may(key, undefined);
      await planCompaction(world.maintenance, { all: true, asOf: world.now });
      for (const key of state.expiring) world.model.is(key, undefined);
    },
  };

  const backup: Operation = {
    points: pointsOf('backup'),
    prepare: async () => void (await world.bring('saved', [memory(AGES.hot)])),
    attempt: async () => void (await takeBackup(world.backup)),
  };

  const rebuild: Operation = {
    points: pointsOf('rebuild'),
    prepare: async () => {
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
      if (world.isLost) await rebuildAll(world).catch(unlessMade);
      world.isLost = false;
      if (!world.isServing) await world.openStore();
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
      // One that is cut short may not open, and is set aside by that, and not by the repair.
      await damageRows(join(world.data, 'store/hot.duckdb'));
      await world.openStore();
    },
    attempt: async () => {
      await repairTier(world.maintenance, 'hot', () => undefined);
      // A person begins it again.
      if (world.store.damaged().length > 0) throw new Error('some of it is not back');
    },
  };

  const upload = uploadOf(world, state, memory);
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

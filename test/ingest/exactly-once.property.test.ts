import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { inboxKey, isAkoshaError, receiptKey, TIERS, type UploadRef } from '../../src/contract/index.js';
import {
  dropUpload,
  ingestUpload,
  pollInbox,
  queueAnnounced,
  registerUpload,
  requestAgain,
  retryUpload,
  walkUploads,
} from '../../src/ingest/index.js';
import { moveToCold, moveToWarm, sweep } from '../../src/maintenance/index.js';
import { parseReceipt } from '../../src/memory/index.js';
import { CONTENTS, IDS, step, type Step } from './random-steps.js';
import { RandomWorld, type HostFile, type UploadOrder } from './random-world.js';
import { NOW } from './support.js';

/**
 * Random sequences of what happens to uploads, against a model: a memory is what the readable upload of the greatest order says of it that
 * has it. `AKOSHA_PROPERTY_SEED` repeats the sequences of a failure, which names its seed, and `AKOSHA_PROPERTY_RUNS` sets how many
 * there are; with neither a busy machine does as many as it can in the time that a test of the suite may take.
 */
const { AKOSHA_PROPERTY_RUNS: runs, AKOSHA_PROPERTY_SEED: seed } = process.env;
const RUNS = Number(runs ?? 6);
const SEED = Number(seed ?? Math.floor(Math.random() * 2 ** 31));
const LONGEST_MS = runs === undefined && seed === undefined ? 15_000 : (RUNS + 5) * 10_000;

/** What ends an attempt without being a fault of the program: another was quicker, the object store is away, it was killed. */
const EXPECTED = [
  'OperationClosed',
  'WriteSetStale',
  'ObjectStoreUnavailable',
  'UploadStateMismatch',
  'UploadUnknown',
] as const;

const YEAR_MS = 365 * 86_400_000;

/** What the model knows of an upload. */
interface Modelled extends UploadOrder {
  ref: UploadRef;
  file: HostFile;
  acknowledged: boolean;
  /** Nothing can read what lies in object storage. */
  poison: boolean;
  dropped: boolean;
}

let world: RandomWorld;
const files: HostFile[] = [];
let sequences = 0;

beforeAll(async () => {
  world = await RandomWorld.open();
  for (const rows of CONTENTS) files.push(await world.file(rows));
});
afterAll(() => world.close());

class Sequence {
  readonly uploads: Modelled[] = [];
  readonly #prefix = `s${++sequences}`;

  get systems(): string[] {
    return [0, 1].map((n) => this.#system(n));
  }

  async take(next: Step): Promise<void> {
    switch (next.do) {
      case 'upload':
        return this.#upload(next);
      case 'ingest':
        return this.#ingest(next);
      case 'restart':
        return world.restart();
      case 'overtake':
        return this.#overtake(next);
      case 'drain':
        return this.#drain(this.#system(next.system));
      case 'age':
        return age(next.days);
      default:
        break;
    }
    const upload = this.uploads[next.which % Math.max(this.uploads.length, 1)];
    if (upload === undefined) return;
    if (next.do === 'deliver') return deliver(upload);
    if (!upload.acknowledged) return;
    if (next.do === 'announce') return announce(upload.ref, next.by);
    if (next.do === 'retry') return retry(upload, next.mended);
    if (next.do === 'drop') return drop(upload);
    await tolerant(() => requestAgain(world.context, upload.ref));
  }

  /** Everything arrives, and everything is done that can be. */
  async settle(): Promise<void> {
    for (const upload of this.uploads) await deliver(upload);
    await pollInbox(world.context);
    for (const systemId of this.systems) await this.#drain(systemId);
    await pollInbox(world.context);
  }

  /** What a system has by the model. */
  expected(systemId: string): Record<string, string> {
    const readable = this.uploads.filter(
      ({ ref, poison, dropped }) => ref.systemId === systemId && !poison && !dropped,
    );
    const inOrder = readable.toSorted((one, other) => one.order - other.order);
    return inOrder.reduce((all, { file }) => ({ ...all, ...file.rows }), {});
  }

  async #upload({ system: n, content, poison, late, years }: Extract<Step, { do: 'upload' }>): Promise<void> {
    const systemId = this.#system(n);
    const others = this.uploads.filter(({ ref }) => ref.systemId === systemId);
    const before = others.length;
    const file = content === null ? (others.at(-1)?.file ?? files[0]) : files[content];
    if (file === undefined) throw new Error(`no file ${content}`);
    const upload: Modelled = {
      ref: { systemId, uploadId: `${systemId}-${before + 1}` },
      order: before + 1,
      previous: before === 0 ? null : before,
      createdAt: NOW + years * YEAR_MS,
      file,
      acknowledged: false,
      poison,
      dropped: false,
    };
    this.uploads.push(upload);
    await world.putFile(upload.ref, poison ? Buffer.from('no gzip') : upload.file.stored);
    if (!late) await deliver(upload);
  }

  async #ingest({ system: n, workers, fails, how }: Extract<Step, { do: 'ingest' }>): Promise<void> {
    const next = await world.store.nextUpload(this.#system(n));
    if (next === undefined) return;
    let left: string | undefined;
    const onStep = (at: string): void => {
      if (at !== fails) return;
      if (how === 'outage') world.objectsAway = true;
      // Beside another that is writing the copy would be of two moments: that one ends first, as in a server that is stopped.
      else if (workers === 1) left = world.copyAsKilled();
      if (how === 'crash') throw new Crash();
    };
    try {
      await Promise.all(
        Array.from({ length: workers }, () => tolerant(() => ingestUpload(world.context, next, { onStep }))),
      );
    } finally {
      world.objectsAway = false;
    }
    if (fails !== null && how === 'crash') await world.restart(left);
  }

  async #overtake({ system: n, content, late }: Extract<Step, { do: 'overtake' }>): Promise<void> {
    const honest = { do: 'upload', system: n, poison: false, years: 0 } as const;
    await this.#upload({ ...honest, content, late: false });
    await this.#drain(this.#system(n));
    await this.#upload({ ...honest, content: late, late: true });
    await this.#upload({ ...honest, content, late: false });
    await this.#drain(this.#system(n));
  }

  async #drain(systemId: string): Promise<void> {
    if (!this.uploads.some(({ ref, acknowledged }) => ref.systemId === systemId && acknowledged)) return;
    await walkUploads(world.context, () => undefined, undefined, systemId);
    await world.drain(systemId);
  }

  #system(n: number): string {
    return `${this.#prefix}-host-${n}`;
  }
}

/** Injected: what an attempt was doing when its process died. */
class Crash extends Error {}

async function tolerant(work: () => Promise<unknown>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    if (error instanceof Crash || EXPECTED.some((type) => isAkoshaError(error, type))) return false;
    throw error;
  }
}

async function deliver(upload: Modelled): Promise<void> {
  if (upload.acknowledged) return;
  await world.putManifest(upload.ref, upload.file, upload);
  upload.acknowledged = true;
}

async function announce(ref: UploadRef, how: string): Promise<void> {
  if (how === 'event') await queueAnnounced(world.context, [ref, ref]);
  if (how === 'handover') await registerUpload(world.context, ref);
  if (how === 'walk') await walkUploads(world.context, () => undefined, undefined, ref.systemId);
  if (how !== 'inbox') return;
  await world.objects.put(inboxKey(ref), '');
  await pollInbox(world.context);
}

/** Where the file is mended it is read the next time; only what is in quarantine can be retried. */
async function retry(upload: Modelled, mended: boolean): Promise<void> {
  if ((await world.store.getUpload(upload.ref))?.state !== 'quarantined') return;
  if (mended) {
    await world.putFile(upload.ref, upload.file.stored);
    upload.poison = false;
  }
  await retryUpload(world.context, upload.ref);
}

async function drop(upload: Modelled): Promise<void> {
  const decision = { by: 'test', reason: 'test' };
  if (await tolerant(() => dropUpload(world.context, upload.ref, decision))) upload.dropped = true;
}

async function age(days: number): Promise<void> {
  const asOf = NOW + days * 86_400_000;
  await moveToWarm(world.maintenance, asOf);
  for (const partition of await world.store.coldPartitionsDue(asOf, true))
    await moveToCold(world.maintenance, asOf, partition);
  await sweep(world.maintenance);
}

/** Found once, in one tier, with the text of the newest version. */
async function foundIn(systemId: string): Promise<Record<string, string>> {
  const keys = IDS.map((memoryId) => ({ systemId, kind: 'conversation' as const, memoryId }));
  const perTier = await Promise.all(TIERS.map((tier) => world.store.fetch(keys, [tier])));
  const found = perTier.flat();
  const { memories } = await world.store.listMemories(systemId, { limit: 100 });
  expect(memories.map(({ memoryId }) => memoryId)).toEqual(found.map(({ memoryId }) => memoryId).toSorted());
  return Object.fromEntries(found.map(({ memoryId, content }) => [memoryId, content]));
}

/** Each upload has one receipt, which says what the ledger says. Returns how many memories those of a system call new. */
async function countNew(uploads: readonly Modelled[]): Promise<number> {
  let added = 0;
  for (const { ref, poison, dropped } of uploads) {
    const record = await world.store.getUpload(ref);
    const receipt = parseReceipt(await world.objects.get(receiptKey(ref)));
    const state = dropped ? 'dropped' : poison ? 'quarantined' : 'done';
    expect(record).toMatchObject({ state });
    expect(receipt.status).toBe(state === 'done' ? 'ingested' : 'quarantined');
    expect(receipt.rows).toEqual(record?.rows);
    expect(await world.objects.head(inboxKey(ref))).toBeUndefined();
    added += (receipt.again?.first.rows ?? receipt.rows).new;
  }
  return added;
}

it(
  `finds every acknowledged memory once (seed ${SEED}, ${RUNS} runs)`,
  async () => {
    const end = Date.now() + LONGEST_MS;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25, size: 'max' }), async (steps) => {
        // The first is always done; and a failure is told before the test's own time is over, however far it is shrunk by then.
        if (Date.now() > end) return;
        const sequence = new Sequence();
        for (const next of steps) await sequence.take(next);
        await sequence.settle();
        for (const systemId of sequence.systems) {
          const expected = sequence.expected(systemId);
          expect(await foundIn(systemId)).toEqual(expected);
          const own = sequence.uploads.filter(({ ref }) => ref.systemId === systemId);
          expect(await countNew(own)).toBe(Object.keys(expected).length);
        }
      }),
      { seed: SEED, numRuns: RUNS },
    );
  },
  LONGEST_MS * 3,
);

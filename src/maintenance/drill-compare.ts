import { keyText, type DrillReport } from '../contract/index.js';
import type { ForgetStore, PlacedMemory, PlacedStore } from '../store/index.js';

/** Memories of a page: some megabytes. */
const PAGE = 5_000;

/** So many examples are told. */
const EXAMPLES = 10;

export interface Comparison {
  /** The store that serves, which goes on meanwhile. */
  store: PlacedStore & Pick<ForgetStore, 'listForgets'>;
  /** What was rebuilt of object storage. */
  rebuild: PlacedStore;
  /** When the rebuild was begun, milliseconds since 1970, and the number of the last object of the store that serves then. */
  begunAt: number;
  lastObject: number;
}

export type Compared = Pick<DrillReport, 'memories' | 'later' | 'mismatches' | 'examples'>;

/**
 * Compares every memory of both stores by its content hash, a page at a time. A difference counts where the object that keeps the memory was on
 * record before the rebuild began, and still keeps it after a second look: no object begins to keep what it did not keep at first, so it stood, and
 * kept it, all along. `onPage` is told how many were compared.
 */
export async function compareStores(
  comparison: Comparison,
  onPage: (done: number) => void,
): Promise<Compared> {
  const compared: Compared = { memories: 0, later: 0, mismatches: 0, examples: [] };
  const add = (page: number, { differing, later }: PageOutcome): void => {
    compared.memories += page;
    compared.later += later;
    compared.mismatches += differing.length;
    compared.examples.push(...differing.slice(0, EXAMPLES - compared.examples.length));
    onPage(compared.memories);
  };
  for await (const page of pagesOf(comparison.store)) add(page.length, await lostOf(comparison, page));
  // Those that both have are counted already.
  for await (const page of pagesOf(comparison.rebuild)) add(0, await additionsOf(comparison, page));
  return compared;
}

async function* pagesOf(store: PlacedStore): AsyncGenerator<PlacedMemory[]> {
  for (let after = -1; ;) {
    const page = await store.placedPage(after, PAGE);
    const last = page.at(-1);
    if (last === undefined) return;
    yield page;
    after = last.pid;
  }
}

interface PageOutcome {
  differing: string[];
  later: number;
}

/** Memories of the store that serves that the other lacks, or has otherwise. */
async function lostOf(
  { store, rebuild, lastObject }: Comparison,
  page: readonly PlacedMemory[],
): Promise<PageOutcome> {
  const copies = byKey(await rebuild.placedOf(page));
  const suspects = page.filter((placed) => copies.get(keyText(placed))?.hash !== placed.hash);
  if (suspects.length === 0) return { differing: [], later: 0 };
  const now = byKey(await store.placedOf(suspects));
  // Complete without a receipt when they were listed: a server that starts on the copy ingests them.
  const pending = new Set((await rebuild.pendingAmong(suspects)).map(uploadText));
  const known = await knownKeepers(store, [...copies.values()], lastObject);
  const expired = await store.expiryCutoff();
  const differing = suspects.filter((placed) => {
    const current = now.get(keyText(placed));
    const copy = copies.get(keyText(placed));
    return (
      placed.keeperId <= lastObject &&
      placed.ownTime > expired &&
      current?.keeperId === placed.keeperId &&
      current.hash === placed.hash &&
      !pending.has(uploadText(placed)) &&
      (copy === undefined || known.has(copy.keeper))
    );
  });
  const told = differing.map((placed) => {
    const copy = copies.get(keyText(placed));
    return `${keyText(placed)}: hash ${placed.hash}, ${copy === undefined ? 'not in the copy' : `in the copy ${copy.hash}`}`;
  });
  return { differing: told, later: suspects.length - differing.length };
}

/** Memories that the store that serves does not have. */
async function additionsOf(
  { store, begunAt, lastObject }: Comparison,
  page: readonly PlacedMemory[],
): Promise<PageOutcome> {
  const standing = byKey(await store.placedOf(page));
  const suspects = page.filter((copy) => !standing.has(keyText(copy)));
  if (suspects.length === 0) return { differing: [], later: 0 };
  const known = await knownKeepers(store, suspects, lastObject);
  const forgetting = (await store.listForgets(FORGETS)).filter(
    (record) => record.receipt === null || record.begunAt >= begunAt,
  );
  const isForgotten = ({ systemId }: PlacedMemory): boolean =>
    forgetting.some(({ scope }) => scope.systemId === null || scope.systemId === systemId);
  const expired = await store.expiryCutoff();
  const differing = suspects.filter(
    (copy) => known.has(copy.keeper) && copy.ownTime > expired && !isForgotten(copy),
  );
  return {
    differing: differing.map((copy) => `${keyText(copy)}: hash ${copy.hash}, in the copy alone`),
    later: suspects.length - differing.length,
  };
}

/** More than are asked for while a drill runs. */
const FORGETS = 1_000;

async function knownKeepers(
  store: PlacedStore,
  copies: readonly PlacedMemory[],
  lastObject: number,
): Promise<ReadonlySet<string>> {
  const names = new Set(copies.map(({ keeper }) => keeper));
  return new Set(await store.objectsOnRecord([...names], lastObject));
}

function byKey(memories: readonly PlacedMemory[]): Map<string, PlacedMemory> {
  return new Map(memories.map((memory) => [keyText(memory), memory]));
}

function uploadText({ systemId, uploadId }: Pick<PlacedMemory, 'systemId' | 'uploadId'>): string {
  return `${systemId}/${uploadId}`;
}

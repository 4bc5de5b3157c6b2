import {
  AkoshaError,
  TIERS,
  type MemoryKey,
  type Selection,
  type SelectionCursor,
  type Tier,
} from '../contract/index.js';
import { throwIfAborted } from '../objects/index.js';
import type { MemoryStore, PinRequest } from '../store/index.js';

export interface Selected {
  /** Null: the memories that stand now; else the system with all that it has and gets. */
  system: string | null;
  tiers: Record<Tier, number>;
}

/** What a selection stands for. One of nothing but a system is that system, also with what comes later. */
export async function describeSelection(store: MemoryStore, selection: Selection): Promise<Selected> {
  return { system: systemAlone(selection), tiers: await store.countSelected(selection) };
}

function systemAlone({ systemId, ...filters }: Selection): string | null {
  return systemId !== undefined && Object.keys(filters).length === 0 ? systemId : null;
}

/** Memories per message to the catalog: a write of some tens of milliseconds, between which others get their turn. */
const PAGE = 1_000;

/** Pins what a selection stands for; returns how many pins that made or renewed. Raises `MemoryUnknown` where there is nothing. */
export async function pin(
  store: MemoryStore,
  selection: Selection,
  request: PinRequest,
  signal?: AbortSignal,
): Promise<number> {
  const system = systemAlone(selection);
  if (system === null) {
    return requireSome(
      await onPages(store, selection, (memories) => store.pinMemories(memories, request), signal),
    );
  }
  requireSome(await countAll(store, selection));
  await store.pinSystem(system, request);
  return 1;
}

/** Takes away the pins of what a selection stands for; of a system alone also those of its memories. Returns how many. */
export async function unpin(store: MemoryStore, selection: Selection, signal?: AbortSignal): Promise<number> {
  const system = systemAlone(selection);
  if (system !== null) return store.unpinSystem(system);
  return onPages(store, selection, (memories) => store.unpinMemories(memories), signal);
}

async function onPages(
  store: MemoryStore,
  selection: Selection,
  work: (memories: readonly MemoryKey[]) => Promise<number>,
  signal: AbortSignal | undefined,
): Promise<number> {
  let done = 0;
  // From hot on, so that what is moved meanwhile is met again in the tier behind.
  for (const tier of TIERS) {
    let after: SelectionCursor | undefined;
    do {
      throwIfAborted(signal, 'pinning');
      const page = await store.selectMemories(selection, { tier, after, limit: PAGE });
      if (page.memories.length > 0) done += await work(page.memories);
      after = page.next ?? undefined;
    } while (after !== undefined);
  }
  return done;
}

async function countAll(store: MemoryStore, selection: Selection): Promise<number> {
  const tiers = await store.countSelected(selection);
  return tiers.hot + tiers.warm + tiers.cold;
}

function requireSome(found: number): number {
  if (found > 0) return found;
  throw new AkoshaError(
    'MemoryUnknown',
    'nothing to pin: no memory is selected, or all of them are cold, where a pin without a tier has nothing to keep (say --tier)',
  );
}

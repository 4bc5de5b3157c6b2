import {
  AkoshaError,
  ERROR_TYPES,
  isAkoshaError,
  messageOf,
  receiptKey,
  SYSTEMS_PREFIX,
  systemPrefix,
  type SystemId,
  type UploadRef,
  type WalkState,
} from '../contract/index.js';
import { allEnded } from '../runtime/index.js';
import type { KnownUpload } from '../store/index.js';
import type { IngestContext } from './context.js';
import { finishUpload } from './finish-upload.js';
import { knownAt, without } from './known-places.js';
import { pageAt, type ListedPage } from './listing.js';
import { Look, type Discovered } from './look.js';
import { register, tellTaken } from './register.js';
import { foldersOnRecord } from './system-folders.js';

/** How much one portion of a walk does at most. */
export interface WalkSizes {
  /** Systems whose first uploads are looked at: seconds, after which a crash costs no more than them. */
  systems: number;
  /** Uploads of one system at a time, before another has its turn. */
  uploads: number;
  /** Pages of uploads, of systems with more than one. */
  pages: number;
}

export const WALK_SIZES: WalkSizes = { systems: 100, uploads: 1_000, pages: 100 };

/** Systems listed at once: enough to hide the store's latency, few enough to spare its connections. */
const SYSTEMS_AT_ONCE = 8;

/** Places whose uploads are looked up, and queued, in one transaction of the catalog. */
const PLACES_AT_ONCE = 1_000;

/**
 * Systems that wait with more uploads than were looked at. As many are worked off before further systems are begun: the state that
 * names them goes through Temporal's history with each portion, and with cursors of a kilobyte each is 150 KB then.
 */
const MOST_REST = 100;

/** A message may hold a whole program's last words. */
const LONGEST_FAULT = 300;

export interface WalkTools {
  signal?: AbortSignal | undefined;
  sizes?: WalkSizes;
}

type Rest = WalkState['rest'];

/** A walk of all of `systems/`, or of one system's part of it, that is to be begun. `begunAt` in milliseconds since 1970. */
export async function beginWalk(
  context: IngestContext,
  begunAt: number,
  onlySystem?: SystemId,
): Promise<WalkState> {
  const folders = onlySystem === undefined ? [] : await foldersOnRecord(context, onlySystem);
  return {
    begunAt,
    systemId: onlySystem ?? null,
    systems: onlySystem === undefined ? 'start' : null,
    rest: folders.map((folder) => ({ folder, position: 'start' })),
    ...{ folders: 0, seen: 0, added: 0, skipped: 0, read: 0, failed: 0, fault: null },
  };
}

export function isWalked({ systems, rest }: WalkState): boolean {
  return systems === null && rest.length === 0;
}

/**
 * Looks through the next portion of `systems/` for complete uploads that the catalog does not know: those of original hosts, which write
 * no inbox entry, and those whose entry was lost. Returns what it queued, and the state for the next portion. One that is done twice
 * does no harm. A system with more uploads than a page waits for the others.
 *
 * An upload that fails, or a system whose uploads cannot be listed, is in `failed` and holds up no other. Raises where the object store
 * does not answer or grants no listing, where `signal` fires, and with the last portion where something failed and nothing new could be read.
 */
export async function walkPortion(
  context: IngestContext,
  state: WalkState,
  tools: WalkTools = {},
): Promise<{ state: WalkState; found: Discovered }> {
  const look = new Look(context);
  const ofAll = state.systemId === null;
  const walk = { context, look, ofAll, sizes: WALK_SIZES, signal: undefined, ...tools };
  const reached =
    state.systems !== null && state.rest.length < MOST_REST
      ? await walkSystems(walk, state, state.systems)
      : await walkRest(walk, state);
  const { succeeded, fault, ...found } = look.part();
  const next = {
    ...state,
    ...reached,
    seen: state.seen + found.seen,
    added: state.added + found.added.length,
    skipped: state.skipped + found.skipped,
    read: state.read + succeeded,
    failed: state.failed + found.failed.length,
    fault: state.fault ?? (fault === undefined ? null : faultOf(fault)),
  };
  if (isWalked(next)) endWalk(context, next);
  return { state: next, found };
}

/** Walks to the end, and returns all that was found. `onProgress` is told after each portion. */
export async function walkUploads(
  context: IngestContext,
  onProgress: (state: WalkState) => void,
  signal?: AbortSignal,
  onlySystem?: SystemId,
): Promise<Discovered> {
  let state = await beginWalk(context, context.clock(), onlySystem);
  const all: Discovered = { added: [], seen: 0, systems: [], failed: [], skipped: 0 };
  while (!isWalked(state)) {
    const portion = await walkPortion(context, state, { signal });
    ({ state } = portion);
    all.added.push(...portion.found.added);
    all.failed.push(...portion.found.failed);
    onProgress(state);
  }
  const { seen, skipped } = state;
  return { ...all, seen, skipped, systems: [...new Set(all.added.map(({ systemId }) => systemId))] };
}

/** Raised at the end of a walk, of all that went before it: another try from its last portion can only raise it again. */
export class WalkFailed extends AkoshaError {}

interface Walk {
  context: IngestContext;
  look: Look;
  /** Not of one system alone, whose folders need not exist. */
  ofAll: boolean;
  sizes: WalkSizes;
  signal: AbortSignal | undefined;
}

/** A page of systems, and of each the first page of its uploads. */
async function walkSystems(
  walk: Walk,
  { rest, folders }: WalkState,
  position: Exclude<WalkState['systems'], null>,
): Promise<Pick<WalkState, 'systems' | 'rest' | 'folders'>> {
  const { context, sizes, signal } = walk;
  const pageSize = sizes.systems;
  const page = await pageAt(context, { prefix: SYSTEMS_PREFIX, position, pageSize, signal });
  const begun: Rest = page.folders.map((name) => ({ folder: name.slice(0, -1), position: 'start' }));
  const more: Rest = [];
  for (let i = 0; i < begun.length; i += SYSTEMS_AT_ONCE) {
    more.push(...(await lookAt(walk, begun.slice(i, i + SYSTEMS_AT_ONCE))));
  }
  return { systems: page.next, rest: [...rest, ...more], folders: folders + begun.length };
}

/** A page of uploads for each system that has more of them, in turns. */
async function walkRest(walk: Walk, { rest }: WalkState): Promise<Pick<WalkState, 'rest'>> {
  const waiting = [...rest];
  for (let pages = 0; pages < walk.sizes.pages && waiting.length > 0;) {
    const turn = waiting.splice(0, SYSTEMS_AT_ONCE);
    waiting.push(...(await lookAt(walk, turn)));
    pages += turn.length;
  }
  return { rest: waiting };
}

/** The next page of uploads of each of these systems. Returns those that have more. */
async function lookAt(walk: Walk, systems: Rest): Promise<Rest> {
  const { context, look, signal } = walk;
  const listings = systems.map((system) => pageOf(walk, system));
  await allEnded(listings);
  const pages = await Promise.all(listings);
  const places: UploadRef[] = [];
  const more: Rest = [];
  for (const [i, { folder, position }] of systems.entries()) {
    const page = pages[i];
    if (page === undefined) continue;
    const { folders, next } = page;
    places.push(...folders.map((name) => ({ systemId: folder, uploadId: name.slice(0, -1) })));
    if (next !== null) more.push({ folder, position: next });
    else if (folders.length === 0 && position === 'start' && walk.ofAll)
      look.skip(`${SYSTEMS_PREFIX}${folder}/`, 'has no folder uploads/ with uploads in it');
  }
  for (let i = 0; i < places.length; i += PLACES_AT_ONCE) {
    const some = places.slice(i, i + PLACES_AT_ONCE);
    look.seen += some.length;
    const known = await knownAt(context, some);
    await giveReceipts(context, look, [...known.values()]);
    await noteRawBack(context, [...known.values()]);
    const { taken } = await register(context, look, without(some, known), signal);
    tellTaken(look, taken);
  }
  return more;
}

/** Undefined where the listing of this system alone fails for good: that is noted, and holds up no other system. */
async function pageOf(walk: Walk, { folder, position }: Rest[number]): Promise<ListedPage | undefined> {
  const { context, look, sizes, signal } = walk;
  try {
    return await pageAt(context, { prefix: systemPrefix(folder), position, pageSize: sizes.uploads, signal });
  } catch (error) {
    if (!isAkoshaError(error) || !error.permanent) throw error;
    // Where the store refuses this as well, it is what it grants this process, and every system would count as failed.
    if (error.type !== 'ListingExpired')
      await pageAt(context, { prefix: SYSTEMS_PREFIX, position: 'start', pageSize: 1, signal });
    look.fail({ systemId: folder, uploadId: null }, error);
    return undefined;
  }
}

/**
 * A crash between quarantine, or drop, and receipt leaves an upload that no queue holds, and of an original host no inbox entry either:
 * this look is its last chance. Costs a request for each upload in quarantine, of which there are few.
 */
async function giveReceipts(
  context: IngestContext,
  look: Look,
  known: readonly KnownUpload[],
): Promise<void> {
  const quarantined = known.filter(({ state }) => state === 'quarantined' || state === 'dropped');
  await look.each(
    quarantined.map(({ ref, place }) => ({ ...ref, place })),
    async ({ systemId, uploadId, place }) => {
      if ((await context.uploads.head(receiptKey(place))) === undefined)
        await finishUpload(context, { systemId, uploadId });
    },
  );
  look.throwIfEnded();
}

/** A host that announces nothing may have delivered again what retention had deleted. */
async function noteRawBack({ store }: IngestContext, known: readonly KnownUpload[]): Promise<void> {
  const gone = known.filter(({ state }) => state === 'raw_gone').map(({ ref }) => ref);
  if (gone.length > 0) await store.noteRawBack(gone, false);
}

/** Tells what all portions came to together. */
function endWalk({ events }: IngestContext, { systemId, skipped, read, failed, fault }: WalkState): void {
  if (systemId === null) events?.skipped(SYSTEMS_PREFIX, skipped);
  if (failed > 0 && read === 0 && fault !== null) throw new WalkFailed(fault.type, fault.message);
}

/**
 * As it goes into the state. Of a type that no retry helps: whoever tried the last portion again would have the same state, and raise it
 * again, for ever.
 */
function faultOf(error: unknown): Exclude<WalkState['fault'], null> {
  const type = isAkoshaError(error) && ERROR_TYPES[error.type].permanent ? error.type : 'ObjectStoreRefused';
  return { type, message: messageOf(error).slice(0, LONGEST_FAULT) };
}

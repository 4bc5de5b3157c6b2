import {
  INBOX_PREFIX,
  inboxKey,
  parseInboxKey,
  receiptKey,
  SYSTEMS_PREFIX,
  systemPrefix,
  uploadPrefix,
  type SystemId,
  type UploadRef,
  type UploadState,
} from '../contract/index.js';
import type { KnownUpload } from '../store/index.js';
import type { IngestContext } from './context.js';
import { finishUpload } from './finish-upload.js';
import { Look, type Discovered } from './look.js';
import { register } from './register.js';
import { signalOption } from './signal-option.js';
import { foldersOf } from './system-folders.js';

/**
 * Reads the inbox once: queues what is new, and removes entries of uploads that are through. Costs what is new, not what
 * exists. An upload that fails is in `failed` and holds up no other; raises where all fail, where the object store does not
 * answer, and where `signal` fires.
 */
export async function pollInbox(context: IngestContext, signal?: AbortSignal): Promise<Discovered> {
  const look = new Look(context, INBOX_PREFIX);
  for await (const page of context.uploads.list(INBOX_PREFIX, {
    purpose: 'inbox',
    ...signalOption(signal),
  })) {
    const places = page.objects.flatMap(({ key }) => placeOfEntry(look, key));
    look.seen += places.length;
    const known = await knownAt(context, places);
    await finishStale(context, look, [...known.values()]);
    await register(context, look, without(places, known), signal);
  }
  return look.result();
}

/** Our agents alone write entries, and an agent's folders are named by its ids. */
function placeOfEntry(look: Look, key: string): UploadRef[] {
  const place = parseInboxKey(key);
  if (place !== undefined) return [place];
  look.skip(key, 'is not inbox/<upload id>@<system id>');
  return [];
}

/** An entry outlives its upload where the server died after the receipt, or where the host delivered it again. */
async function finishStale(context: IngestContext, look: Look, known: readonly KnownUpload[]): Promise<void> {
  const inState = (...states: UploadState[]) => known.filter(({ state }) => states.includes(state));
  await look.each(
    inState('done', 'raw_gone').map(({ place }) => place),
    (place) => context.uploads.delete([inboxKey(place)]),
  );
  await look.each(
    inState('quarantined', 'dropped').map(({ ref }) => ref),
    (ref) => finishUpload(context, ref),
  );
  look.throwIfEnded();
}

export interface WalkProgress {
  systems: number;
  uploads: number;
}

/**
 * Walks all of `systems/`, or one system's part of it, for complete uploads that the catalog does not know: those of original
 * hosts, which write no inbox entry, and those whose entry was lost. Failures as in `pollInbox`.
 */
export async function walkUploads(
  context: IngestContext,
  onProgress: (progress: WalkProgress) => void,
  signal?: AbortSignal,
  onlySystem?: SystemId,
): Promise<Discovered> {
  const look = new Look(context, onlySystem === undefined ? SYSTEMS_PREFIX : undefined);
  const progress: WalkProgress = { systems: 0, uploads: 0 };
  const systems =
    onlySystem === undefined
      ? context.uploads.listFolders(SYSTEMS_PREFIX, signalOption(signal))
      : [await foldersOnRecord(context, onlySystem)];
  for await (const folders of systems) {
    for (const folder of folders) {
      const systemFolder = folder.slice(0, -1);
      const seenBefore = look.seen;
      for await (const uploads of walkSystem(context, look, systemFolder, signal)) {
        progress.uploads += uploads;
        onProgress(progress);
      }
      if (look.seen === seenBefore && onlySystem === undefined)
        look.skip(SYSTEMS_PREFIX + folder, 'has no folder uploads/ with uploads in it');
      progress.systems++;
      onProgress(progress);
    }
  }
  return look.result();
}

/** Gives after each page how many uploads were on it. */
async function* walkSystem(
  context: IngestContext,
  look: Look,
  systemId: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<number> {
  for await (const page of context.uploads.listFolders(systemPrefix(systemId), signalOption(signal))) {
    const places = page.map((name) => ({ systemId, uploadId: name.slice(0, -1) }));
    look.seen += places.length;
    const known = await knownAt(context, places);
    await giveReceipts(context, look, [...known.values()]);
    await register(context, look, without(places, known), signal);
    yield places.length;
  }
}

/** Where a system's uploads may lie: under its id, as our agents write, and under its name, as original hosts do. */
async function foldersOnRecord(context: IngestContext, systemId: SystemId): Promise<string[]> {
  const [renamed] = await context.store.renamedSystems(1, systemId);
  return foldersOf(systemId, renamed?.name).map((folder) => `${folder}/`);
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

/** Queues one upload that somebody names by its folders, if it is complete. Returns whether it is in the queue since now. */
export async function registerUpload(context: IngestContext, place: UploadRef): Promise<boolean> {
  const look = new Look(context);
  await register(context, look, [place]);
  return look.result().added.length > 0;
}

/** What is on record of these places, by their prefixes. */
async function knownAt(
  context: IngestContext,
  places: readonly UploadRef[],
): Promise<Map<string, KnownUpload>> {
  const known = await context.store.knownUploads(places);
  return new Map(known.map((upload) => [uploadPrefix(upload.place), upload]));
}

function without(places: readonly UploadRef[], known: ReadonlyMap<string, KnownUpload>): UploadRef[] {
  return places.filter((place) => !known.has(uploadPrefix(place)));
}

import { INBOX_PREFIX, inboxKey, type UploadRef, type UploadState } from '../contract/index.js';
import type { KnownUpload } from '../store/index.js';
import { AbsentManifests } from './absent-manifests.js';
import type { IngestContext } from './context.js';
import { finishUpload } from './finish-upload.js';
import { addTo, scanInbox, type NewEntry } from './inbox-scan.js';
import { inTurns } from './inbox-turns.js';
import { Look, type Discovered } from './look.js';
import { register, tellTaken, type TakenPlace } from './register.js';
import { tellReplaced } from './replaced.js';

export interface PollOptions {
  signal?: AbortSignal | undefined;
  /** By `performance.now()`: no further portion is begun after it, and the next poll has the rest. Default never. */
  until?: number;
  /** Told of each portion once it is in the queue, and whether among it is what has just come. */
  onQueued?: (added: UploadRef[], newest: boolean) => Promise<void>;
  /** Kept from poll to poll. */
  absent?: AbsentManifests;
}

export interface Polled extends Discovered {
  /** Entries that were found and have not had their turn. */
  left: { uploads: number; oldest: number | null };
}

/**
 * Reads the inbox: queues what is new, portion by portion, and removes entries of uploads that are through. Costs what is new, not what
 * exists, but for the listing. An upload that fails is in `failed` and holds up no other; raises where all fail, where the object store does not
 * answer, and where `signal` fires.
 */
export async function pollInbox(context: IngestContext, options: PollOptions = {}): Promise<Polled> {
  const { signal, until = Infinity, onQueued, absent = new AbsentManifests() } = options;
  const look = new Look(context, INBOX_PREFIX);
  const { fresh, known, beyond: left } = await scanInbox(context, look, { absent, signal });
  let over = false;
  for (const { entries, newest } of inTurns(fresh)) {
    if (over) {
      for (const entry of entries) addTo(left, entry);
      continue;
    }
    await queuePortion(context, look, entries, {
      absent,
      signal,
      onQueued: (added) => onQueued?.(added, newest),
    });
    over = performance.now() >= until;
  }
  for (let at = 0; at < known.length && (at === 0 || performance.now() < until); at += TIDIED_AT_ONCE) {
    await tidy(context, look, known.slice(at, at + TIDIED_AT_ONCE), signal);
  }
  return { ...look.result(), left };
}

/** Between two looks at the clock: each may cost a request or two. */
const TIDIED_AT_ONCE = 200;

async function queuePortion(
  context: IngestContext,
  look: Look,
  entries: readonly NewEntry[],
  {
    absent,
    signal,
    onQueued,
  }: Pick<Required<PollOptions>, 'absent' | 'signal'> & {
    onQueued: (added: UploadRef[]) => Promise<void> | undefined;
  },
): Promise<void> {
  const before = look.added.length;
  const places = entries.map(({ place }) => place);
  const { taken, incomplete } = await register(context, look, places, signal);
  if (look.added.length > before) await onQueued(look.added.slice(before));
  await dropTaken(context, look, taken);
  await dropAbsent(
    context,
    look,
    incomplete.filter((place) => absent.note(place, performance.now())),
  );
}

/**
 * A manifest that comes later is found by the walk, so the entry is no loss; kept, it would be looked at for ever.
 */
async function dropAbsent(context: IngestContext, look: Look, places: readonly UploadRef[]): Promise<void> {
  await look.each(places, async (place) => {
    await context.uploads.delete([inboxKey(place)]);
    look.skip(inboxKey(place), 'its upload has had no manifest for an hour: the entry is removed');
  });
  look.throwIfEnded();
}

async function tidy(
  context: IngestContext,
  look: Look,
  known: readonly KnownUpload[],
  signal: AbortSignal | undefined,
): Promise<void> {
  await tellReplaced(context, look, known, signal);
  await finishStale(context, look, known);
}

/** An entry outlives its upload where the server died after the receipt, or where the host delivered it again. */
async function finishStale(context: IngestContext, look: Look, known: readonly KnownUpload[]): Promise<void> {
  const inState = (...states: UploadState[]) => known.filter(({ state }) => states.includes(state));
  // Before the entry goes, which is what tells of it.
  const gone = inState('raw_gone', 'dropped').map(({ ref }) => ref);
  if (gone.length > 0) await context.store.noteRawBack(gone, true);
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

/** Entries that one line of the log names: it is the only one that does, so each is named. */
const NAMED = 100;

/**
 * Tells once of entries whose uploads are never queued, because other places have their ids, and removes them. What lies at their places
 * stays, and every walk tells of it.
 */
async function dropTaken(context: IngestContext, look: Look, taken: readonly TakenPlace[]): Promise<void> {
  for (let from = 0; from < taken.length; from += NAMED) {
    context.log?.warn(
      { entries: taken.slice(from, from + NAMED) },
      'inbox entries are removed whose uploads are left out for good: their ids belong to uploads elsewhere',
    );
  }
  await look.each(
    taken.map(({ place }) => place),
    (place) => context.uploads.delete([inboxKey(place)]),
  );
  look.throwIfEnded();
}

/** Queues one upload that somebody names by its folders, if it is complete. Returns whether it is in the queue since now. */
export async function registerUpload(context: IngestContext, place: UploadRef): Promise<boolean> {
  const look = new Look(context);
  const { taken } = await register(context, look, [place]);
  tellTaken(look, taken);
  return look.result().added.length > 0;
}

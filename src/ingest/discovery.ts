import {
  INBOX_PREFIX,
  inboxKey,
  parseInboxKey,
  type UploadRef,
  type UploadState,
} from '../contract/index.js';
import type { KnownUpload } from '../store/index.js';
import type { IngestContext } from './context.js';
import { finishUpload } from './finish-upload.js';
import { knownAt, without } from './known-places.js';
import { Look, type Discovered } from './look.js';
import { register, tellTaken, type TakenPlace } from './register.js';
import { tellReplaced } from './replaced.js';
import { signalOption } from './signal-option.js';

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
    await tellReplaced(context, look, [...known.values()], signal);
    await finishStale(context, look, [...known.values()]);
    const taken = await register(context, look, without(places, known), signal);
    await dropTaken(context, look, taken);
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
  tellTaken(look, await register(context, look, [place]));
  return look.result().added.length > 0;
}

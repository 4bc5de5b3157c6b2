import { AkoshaError, inboxKey, uploadPrefix, type UploadRef } from '../contract/index.js';
import { failPoint } from '../faults/index.js';
import type { FoundUpload } from '../store/index.js';
import type { IngestContext } from './context.js';
import type { Look } from './look.js';
import { readFound } from './read-found.js';
import { recordDiscovery } from './upload-traces.js';

/** An upload that is never queued, because another place has its id. */
export interface TakenPlace {
  place: UploadRef;
  reason: string;
}

/** What was not queued of the uploads that lie at some places. */
export interface NotQueued {
  /** The caller tells of them. */
  taken: TakenPlace[];
  /** Those whose manifest does not stand. */
  incomplete: UploadRef[];
}

/** Queues what is complete of the uploads that lie at these places, none of which is on record. */
export async function register(
  context: IngestContext,
  look: Look,
  places: readonly UploadRef[],
  signal?: AbortSignal,
): Promise<NotQueued> {
  const startedAt = Date.now();
  const read = await look.each(places, async (place) => ({
    place,
    found: await readFound(context, place, signal),
  }));
  const complete = read.flatMap(({ found }) => found ?? []);
  const found = complete.map(({ upload }) => upload);
  let taken: TakenPlace[] = [];
  if (found.length > 0) {
    const added = await context.store.registerUploads(found);
    look.added.push(...added);
    failPoint('ingest.after-register');
    const traceparents = new Map(complete.map((one) => [inboxKey(one.upload), one.traceparent]));
    for (const ref of added) {
      recordDiscovery(context, ref, { traceparent: traceparents.get(inboxKey(ref)) ?? null, startedAt });
    }
    taken = await findTaken(context, found, added);
  }
  look.throwIfEnded();
  return { taken, incomplete: read.filter(({ found: it }) => it === undefined).map(({ place }) => place) };
}

/** Notes them as failed, so that they do not go unnoticed. */
export function tellTaken(look: Look, taken: readonly TakenPlace[]): void {
  for (const { place, reason } of taken) look.fail(place, new AkoshaError('UploadReplaced', reason));
}

/** Two places may stand for one id: a folder that was copied from a host's name to its id. The first one found has it. */
async function findTaken(
  context: IngestContext,
  found: readonly FoundUpload[],
  added: readonly UploadRef[],
): Promise<TakenPlace[]> {
  const queued = new Set(added.map(inboxKey));
  const taken: TakenPlace[] = [];
  for (const upload of found) {
    if (queued.delete(inboxKey(upload))) continue;
    const { systemId, uploadId } = upload.place ?? upload;
    const place = { systemId, uploadId };
    const owner = (await context.store.getUpload(upload))?.place;
    // Where it is the same, another look was quicker.
    if (owner === undefined || uploadPrefix(owner) === uploadPrefix(place)) continue;
    const reason = `upload ${upload.uploadId} of system ${upload.systemId} is at ${uploadPrefix(owner)} already`;
    taken.push({ place, reason });
  }
  return taken;
}

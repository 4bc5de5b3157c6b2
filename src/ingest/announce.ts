import { uploadPrefix, type UploadRef, type UploadState } from '../contract/index.js';
import type { IngestContext } from './context.js';
import { Look, type FailedUpload } from './look.js';
import { register, tellTaken, type TakenPlace } from './register.js';
import { tellReplaced } from './replaced.js';

/** What became of uploads that somebody announced. */
export interface Announced {
  /** In the queue since now. */
  added: UploadRef[];
  /** Places of those that are on record, be it since now or before. Of no other may the announcement be dropped. */
  onRecord: UploadRef[];
  /** Those whose id another place has, so that they are never queued: the announcement can be dropped. */
  refused: TakenPlace[];
  /** Places of those whose manifest does not stand, or could not be read. */
  open: UploadRef[];
  failed: FailedUpload[];
  /** Systems with something to ingest: also of uploads known before, whose nudge may have been lost. */
  waiting: string[];
}

const TO_INGEST: ReadonlySet<UploadState> = new Set<UploadState>(['pending', 'committed', 'receipted']);

/**
 * Queues uploads that are announced by their places, as often as anybody likes. Raises `ObjectStoreUnavailable` and `Cancelled`;
 * what fails for one upload is in `failed` and holds up no other.
 */
export async function queueAnnounced(
  context: IngestContext,
  places: readonly UploadRef[],
  signal?: AbortSignal,
): Promise<Announced> {
  const look = new Look(context);
  const before = await context.store.knownUploads(places);
  const prefixes = new Set(before.map(({ place }) => uploadPrefix(place)));
  const { taken: refused } = await register(
    context,
    look,
    places.filter((place) => !prefixes.has(uploadPrefix(place))),
    signal,
  );
  tellTaken(look, refused);
  await tellReplaced(context, look, before, signal);
  const known = await context.store.knownUploads(places);
  const onRecord = new Set(known.map(({ place }) => uploadPrefix(place)));
  const isOnRecord = (place: UploadRef): boolean => onRecord.has(uploadPrefix(place));
  const waiting = known.filter(({ state }) => TO_INGEST.has(state)).map(({ ref }) => ref.systemId);
  const { added, failed } = look.part();
  if (refused.length > 0)
    context.log?.warn(
      { refused },
      'announced uploads are left out for good: their ids belong to uploads elsewhere',
    );
  const settled = new Set([...onRecord, ...refused.map(({ place }) => uploadPrefix(place))]);
  return {
    added,
    onRecord: places.filter(isOnRecord),
    refused,
    open: places.filter((place) => !settled.has(uploadPrefix(place))),
    failed,
    waiting: [...new Set(waiting)],
  };
}

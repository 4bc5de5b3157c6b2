import { manifestKey, type UploadRef } from '../contract/index.js';
import { MAX_MANIFEST_BYTES, parseManifest } from '../memory/index.js';
import { recordPastSpan, spansAreRecorded } from '../runtime/index.js';
import type { UploadRecord } from '../store/index.js';
import type { IngestContext } from './context.js';

/** Some megabytes at most. Beyond it the oldest are forgotten, and their manifests read once more. */
const REMEMBERED = 10_000;

/**
 * The traces that uploads in the queue belong to, as their manifests say. In memory: after a restart the manifests still say it. Holds nothing
 * where no spans are recorded.
 */
export class UploadTraces {
  readonly #ofUpload = new Map<string, string | null>();
  readonly #ofSystem = new Map<string, { uploadId: string; traceparent: string }>();

  remember(ref: UploadRef, traceparent: string | null): void {
    if (!spansAreRecorded()) return;
    put(this.#ofUpload, keyOf(ref), traceparent);
    const { systemId, uploadId } = ref;
    if (traceparent !== null) put(this.#ofSystem, systemId, { uploadId, traceparent });
    // The latest belongs to none: an ingest that is begun for it is not told of an earlier one's.
    else this.#ofSystem.delete(systemId);
  }

  /** Of the system's latest new upload, once and before it is ingested: whoever asks tells the system's ingest of it. */
  takeOfSystem(systemId: string): string | undefined {
    const latest = this.#ofSystem.get(systemId);
    this.#ofSystem.delete(systemId);
    return latest?.traceparent;
  }

  /** Once: it is about to be ingested. Undefined where it is not known, null where it belongs to none. */
  take(ref: UploadRef): string | null | undefined {
    const traceparent = this.#ofUpload.get(keyOf(ref));
    this.#ofUpload.delete(keyOf(ref));
    // In an outage, or beside a run that goes on, nobody asks for the system's: one begun later is not this upload's.
    if (this.#ofSystem.get(ref.systemId)?.uploadId === ref.uploadId) this.#ofSystem.delete(ref.systemId);
    return traceparent;
  }
}

/** That an upload was found and queued; tells of its trace whoever comes after. */
export function recordDiscovery(
  { traces }: IngestContext,
  ref: UploadRef,
  { traceparent, startedAt }: { traceparent: string | null; startedAt: number },
): void {
  traces?.remember(ref, traceparent);
  const { systemId, uploadId } = ref;
  const fields = { systemId, uploadId };
  recordPastSpan('akosha.discover', { fields, continues: traceparent, startedAt, endedAt: Date.now() });
}

/** What the upload's ingest goes on with. Raises nothing: an upload that cannot be read is the ingest's to tell of. */
export async function traceparentOf(
  { traces, uploads }: IngestContext,
  record: UploadRecord,
): Promise<string | null> {
  if (!spansAreRecorded()) return null;
  const known = traces?.take(record);
  if (known !== undefined) return known;
  try {
    const bytes = await uploads.get(manifestKey(record.place), { maxBytes: MAX_MANIFEST_BYTES });
    return parseManifest(record.place, bytes).traceparent;
  } catch {
    return null;
  }
}

function keyOf({ systemId, uploadId }: UploadRef): string {
  return `${systemId}/${uploadId}`;
}

/** The oldest go first: a map keeps the order in which its keys came. */
function put<T>(map: Map<string, T>, key: string, value: T): void {
  map.delete(key);
  map.set(key, value);
  for (const oldest of map.keys()) {
    if (map.size <= REMEMBERED) return;
    map.delete(oldest);
  }
}

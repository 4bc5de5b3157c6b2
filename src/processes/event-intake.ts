import type { TakenEvents } from '../api/index.js';
import { AkoshaError, uploadPrefix, type UploadRef } from '../contract/index.js';
import {
  announcedUploads,
  mayRead,
  parseEvents,
  parseEventText,
  queueAnnounced,
  type Announced,
  type EventPlace,
  type IngestContext,
} from '../ingest/index.js';
import { parseObjectStoreUrl } from '../objects/index.js';
import type { Metrics } from '../telemetry/index.js';

export interface EventIntakeOptions {
  ingest: IngestContext;
  /** Of the store that hosts write to. */
  objectStore: string;
  /** Systems with uploads in the queue: their ingest is told, some time and without being waited for. */
  nudge: (systemIds: readonly string[]) => void;
  metrics: Metrics;
}

type Source = 'queue' | 'webhook';

/** Turns messages about objects into rows of the queue, however they come in. */
export class EventIntake {
  readonly #options: EventIntakeOptions;
  readonly #place: EventPlace;

  constructor(options: EventIntakeOptions) {
    this.#options = options;
    this.#place = placeOf(options.objectStore);
  }

  /**
   * Messages of the queue, by their texts. Returns for each whether it is done with: all uploads that it announces are on record, or
   * refused for good, or it announces none. Raises an `AkoshaError` where the reason is none of the messages': what they announce can
   * be taken later.
   */
  async takeMessages(texts: readonly string[], signal: AbortSignal): Promise<boolean[]> {
    const parsed = texts.map((text) => this.#uploadsIn(parseEventText(text)));
    this.#count('queue', 'unreadable', parsed.filter((uploads) => uploads === undefined).length);
    this.#count('queue', 'ignored', parsed.filter((uploads) => uploads?.length === 0).length);
    const { onRecord, refused, failed } = await this.#announce(
      'queue',
      distinct(parsed.flatMap((uploads) => uploads ?? [])),
      signal,
    );
    const [first] = failed;
    if (first !== undefined && onRecord.length === 0 && !(await mayRead(this.#options.ingest, signal)))
      throw new AkoshaError('ObjectStoreRefused', first.reason);
    const done = new Set([...onRecord, ...refused.map(({ place }) => place)].map(uploadPrefix));
    return parsed.map((uploads) => uploads?.every((upload) => done.has(uploadPrefix(upload))) ?? false);
  }

  /**
   * One posted message. Returns once all that it announces is on record, or refused for good: senders repeat whatever is not answered by
   * success. Raises `BadRequest` for one in no known form,
   * `ObjectNotFound` where an announced manifest does not stand, and `ObjectStoreUnavailable` where it cannot be read.
   */
  async takePosted(message: unknown, signal: AbortSignal): Promise<TakenEvents> {
    const uploads = this.#uploadsIn(parseEvents(message));
    if (uploads === undefined) {
      this.#count('webhook', 'unreadable', 1);
      throw new AkoshaError(
        'BadRequest',
        'the body is no event of an object store: it must be one of S3, EventBridge, MinIO, Cloudflare R2 or SeaweedFS, or an array of such',
      );
    }
    if (uploads.length === 0) this.#count('webhook', 'ignored', 1);
    const { added, onRecord, refused, open, failed } = await this.#announce('webhook', uploads, signal);
    // What is on record may be said to differ from what stands there now: no reason to have the event again.
    const unread = new Set(open.map(uploadPrefix));
    const fault = failed.find(
      ({ ref: { systemId, uploadId } }) =>
        uploadId !== null && unread.has(uploadPrefix({ systemId, uploadId })),
    );
    if (fault !== undefined) throw new AkoshaError('ObjectStoreUnavailable', fault.reason);
    const [missing] = open;
    if (missing !== undefined)
      throw new AkoshaError('ObjectNotFound', `there is no manifest at ${uploadPrefix(missing)}`);
    return {
      added: added.length,
      known: onRecord.length - added.length,
      refused: refused.map(({ place, reason }) => ({ upload: uploadPrefix(place), reason })),
    };
  }

  #uploadsIn(events: ReturnType<typeof parseEvents>): UploadRef[] | undefined {
    return events === undefined ? undefined : announcedUploads(events, this.#place);
  }

  async #announce(source: Source, uploads: readonly UploadRef[], signal: AbortSignal): Promise<Announced> {
    const announced = await queueAnnounced(this.#options.ingest, uploads, signal);
    this.#count(source, 'added', announced.added.length);
    this.#count(source, 'known', announced.onRecord.length - announced.added.length);
    this.#count(source, 'refused', announced.refused.length);
    this.#count(source, 'left', announced.open.length);
    if (announced.waiting.length > 0) this.#options.nudge(announced.waiting);
    return announced;
  }

  #count(source: Source, result: string, events: number): void {
    if (events > 0) this.#options.metrics.ingestionEvents.inc({ source, result }, events);
  }
}

function placeOf(objectStore: string): EventPlace {
  const location = parseObjectStoreUrl(objectStore);
  return location.kind === 's3' ? { bucket: location.bucket, prefix: location.prefix } : { prefix: '' };
}

function distinct(uploads: readonly UploadRef[]): UploadRef[] {
  return [...new Map(uploads.map((upload) => [uploadPrefix(upload), upload])).values()];
}

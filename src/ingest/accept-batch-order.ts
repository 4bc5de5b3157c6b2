import { isAkoshaError, manifestKey, systemPrefix, uploadPrefix, type UploadRef } from '../contract/index.js';
import { MAX_MANIFEST_BYTES, originalUploadOrder, parseManifest } from '../memory/index.js';
import type { IngestContext } from './context.js';
import { foldersOf } from './system-folders.js';

/** The upload that a client of ours takes its rows from. */
export interface ClientUpload {
  uploadId: string;
  /** By the client's clock, milliseconds since 1970. */
  createdAt: number;
  order: number;
  previousOrder: number | null;
  /**
   * Whether the client knows that its orders are this system's: it has asked the object store, or been told by this server. If
   * not, `order` is a wish: the client may be a host that lost its disk and numbers from 1 again.
   */
  orderIsKnown: boolean;
}

export interface AllottedOrder {
  order: number;
  previousOrder: number | null;
}

interface Survey {
  /** Of all that lies under the system's prefixes or is on record; 0 where there is nothing. */
  greatest: number;
  /** Of those that are complete. */
  greatestComplete: number;
  /** Of a part of the client's upload, stored by an earlier process. */
  begun: number | undefined;
}

/** Manifests read at once: an interrupted poll may leave some. */
const READS_AT_ONCE = 8;

/** Of uploads that clients are in the middle of; one that is forgotten is found again under the prefix. */
const REMEMBERED = 1000;

/**
 * Gives uploads that the server writes for a system their orders. The caller asks for one system one after the other, and stores
 * what it asked for before it asks again.
 */
export class OrderBook {
  readonly #context: IngestContext;
  /** The greatest that was given out, by system: what was stored a moment ago may not be on record yet. */
  readonly #given = new Map<string, number>();
  readonly #uploads = new Map<string, AllottedOrder>();

  constructor(context: IngestContext) {
    this.#context = context;
  }

  /**
   * All parts of one client upload have one order, since it is one state of the host. A known one is kept: greater than what came
   * later from this host it must not be. Others lie above everything of the system.
   */
  async allot(systemId: string, upload: ClientUpload | undefined): Promise<AllottedOrder> {
    const allotted =
      upload?.orderIsKnown === true
        ? { order: upload.order, previousOrder: upload.previousOrder }
        : await this.#above(systemId, upload);
    this.#given.set(systemId, Math.max(allotted.order, this.#given.get(systemId) ?? 0));
    return allotted;
  }

  async #above(systemId: string, upload: ClientUpload | undefined): Promise<AllottedOrder> {
    const key = upload === undefined ? undefined : `${systemId}/${upload.uploadId}`;
    const remembered = key === undefined ? undefined : this.#uploads.get(key);
    if (remembered !== undefined) return remembered;
    const { greatest, greatestComplete, begun } = await survey(this.#context, systemId, upload?.uploadId);
    const above = Math.max(greatest, this.#given.get(systemId) ?? 0);
    const allotted = {
      order: begun ?? Math.max(upload?.order ?? 0, above + 1),
      previousOrder: begun === undefined && greatestComplete > 0 ? greatestComplete : null,
    };
    if (key !== undefined) this.#remember(key, allotted);
    return allotted;
  }

  #remember(key: string, allotted: AllottedOrder): void {
    this.#uploads.set(key, allotted);
    const [oldest] = this.#uploads.keys();
    if (this.#uploads.size > REMEMBERED && oldest !== undefined) this.#uploads.delete(oldest);
  }
}

/** The id of what the server stores of a client's upload. */
export function partId(uploadId: string, contentHash: string): string {
  return `${uploadId}-${contentHash.slice(0, 16)}`;
}

function isPartOf(uploadId: string, id: string): boolean {
  return id.startsWith(uploadId) && /^-[0-9a-f]{16}$/.test(id.slice(uploadId.length));
}

/** Costs a listing of the system's uploads, and a read of each that is not on record yet. */
async function survey(
  context: IngestContext,
  systemId: string,
  uploadId: string | undefined,
): Promise<Survey> {
  const onRecord = await context.store.greatestOrder(systemId);
  const found: Survey = { greatest: onRecord, greatestComplete: onRecord, begun: undefined };
  for (const folder of foldersOf(systemId)) {
    for await (const page of context.uploads.listFolders(systemPrefix(folder), { purpose: 'order' })) {
      const places = page.map((name) => ({ systemId: folder, uploadId: name.slice(0, -1) }));
      const isPart = (place: UploadRef): boolean =>
        uploadId !== undefined && isPartOf(uploadId, place.uploadId);
      for (const { place, order } of await ordersAt(context, places, isPart)) {
        found.greatestComplete = Math.max(found.greatestComplete, order);
        if (isPart(place)) found.begun = order;
      }
      const named = places.map((place) => originalUploadOrder(place.uploadId) ?? 0);
      found.greatest = Math.max(found.greatest, found.greatestComplete, ...named);
    }
  }
  return found;
}

/** The orders of complete uploads at these places, without those on record that are not `wanted`. */
async function ordersAt(
  context: IngestContext,
  places: readonly UploadRef[],
  wanted: (place: UploadRef) => boolean,
): Promise<{ place: UploadRef; order: number }[]> {
  const known = new Map(
    (await context.store.knownUploads(places)).map(({ place, ref }) => [uploadPrefix(place), ref]),
  );
  const asked = places.filter((place) => !known.has(uploadPrefix(place)) || wanted(place));
  const orders: { place: UploadRef; order: number }[] = [];
  for (let at = 0; at < asked.length; at += READS_AT_ONCE) {
    const read = asked.slice(at, at + READS_AT_ONCE).map(async (place) => {
      const order = await orderAt(context, place, known.get(uploadPrefix(place)));
      return order === undefined ? [] : [{ place, order }];
    });
    orders.push(...(await Promise.all(read)).flat());
  }
  return orders;
}

/** Undefined where there is no manifest, or none that can be read: then nothing of it will count. */
async function orderAt(
  context: IngestContext,
  place: UploadRef,
  known: UploadRef | undefined,
): Promise<number | undefined> {
  if (known !== undefined) return (await context.store.getUpload(known))?.order;
  try {
    const bytes = await context.uploads.get(manifestKey(place), { maxBytes: MAX_MANIFEST_BYTES });
    return parseManifest(place, bytes).order;
  } catch (error) {
    if (isAkoshaError(error, 'ObjectNotFound') || isAkoshaError(error, 'UploadUnreadable')) return undefined;
    throw error;
  }
}

import { parseManifestKey, type UploadRef } from '../../contract/index.js';
import { isKey } from '../../objects/index.js';
import type { ObjectCreated } from './parse-events.js';

/** Where events must come from to be about our uploads. */
export interface EventPlace {
  /** Undefined for a store that is a folder: whoever tells of its files names no bucket. */
  bucket?: string;
  /** Of the store's URL: `''`, or ends in `/`. */
  prefix: string;
}

/**
 * The uploads, each once, whose manifest was written. All other objects are no news: the files of an upload come before its
 * manifest, receipts and inbox entries after it, and what lies in another bucket or beside our prefix is not ours.
 */
export function announcedUploads(events: readonly ObjectCreated[], place: EventPlace): UploadRef[] {
  const found = new Map<string, UploadRef>();
  for (const { bucket, key } of events) {
    if (place.bucket !== undefined && bucket !== undefined && bucket !== place.bucket) continue;
    if (!key.startsWith(place.prefix)) continue;
    const ours = key.slice(place.prefix.length);
    const upload = isKey(ours) ? parseManifestKey(ours) : undefined;
    if (upload !== undefined) found.set(ours, upload);
  }
  return [...found.values()];
}

import { uploadPrefix, type UploadRef } from '../contract/index.js';
import type { KnownUpload } from '../store/index.js';
import type { IngestContext } from './context.js';

/** What is on record of these places, by their prefixes. */
export async function knownAt(
  { store }: IngestContext,
  places: readonly UploadRef[],
): Promise<Map<string, KnownUpload>> {
  const known = await store.knownUploads(places);
  return new Map(known.map((upload) => [uploadPrefix(upload.place), upload]));
}

export function without(places: readonly UploadRef[], known: ReadonlyMap<string, KnownUpload>): UploadRef[] {
  return places.filter((place) => !known.has(uploadPrefix(place)));
}

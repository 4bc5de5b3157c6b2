import {
  MANIFEST_NAME,
  RECEIPT_NAME,
  systemPrefix,
  uploadPrefix,
  type SystemId,
  type UploadRef,
} from '../contract/index.js';
import type { ObjectInfo } from '../objects/index.js';
import type { IngestContext } from './context.js';
import { knownAt, without } from './known-places.js';
import { readFound } from './read-found.js';
import { signalOption } from './signal-option.js';
import { foldersOnRecord } from './system-folders.js';

/** Places that are looked up in one transaction of the catalog. */
const PLACES_AT_ONCE = 1_000;

/**
 * Deletes what lies under a system's folders and will never be ingested: files that were put by an instant, in milliseconds since 1970, with
 * neither manifest nor receipt, of an upload that was begun and not ended; and an upload whose id another place has. After a look for what is
 * complete. Returns how many uploads those are.
 */
export async function deleteUnfinished(
  context: IngestContext,
  systemId: SystemId,
  before: number,
  signal?: AbortSignal,
): Promise<number> {
  let deleted = 0;
  for (const folder of await foldersOnRecord(context, systemId)) {
    const standing = await listUploads(context, folder, signal);
    const places = [...standing.keys()].map((uploadId) => ({ systemId: folder, uploadId }));
    for (let i = 0; i < places.length; i += PLACES_AT_ONCE) {
      const some = places.slice(i, i + PLACES_AT_ONCE);
      for (const place of without(some, await knownAt(context, some))) {
        const files = standing.get(place.uploadId) ?? [];
        if (files.some(({ modifiedAt }) => modifiedAt.getTime() > before)) continue;
        if (!(await isAbandoned(context, place, files))) continue;
        await deleteFiles(context, place, files);
        deleted++;
      }
    }
  }
  return deleted;
}

/** By the name of each upload's folder; one page at a time is not enough, for a store may list the files of one upload in any order. */
async function listUploads(
  { uploads }: IngestContext,
  folder: string,
  signal: AbortSignal | undefined,
): Promise<Map<string, ObjectInfo[]>> {
  const prefix = systemPrefix(folder);
  const found = new Map<string, ObjectInfo[]>();
  for await (const { objects } of uploads.list(prefix, { purpose: 'walk', ...signalOption(signal) })) {
    for (const object of objects) {
      const [upload = ''] = object.key.slice(prefix.length).split('/');
      found.set(upload, [...(found.get(upload) ?? []), object]);
    }
  }
  return found;
}

async function isAbandoned(
  context: IngestContext,
  place: UploadRef,
  files: readonly ObjectInfo[],
): Promise<boolean> {
  const names = files.map(({ key }) => key);
  if (names.includes(uploadPrefix(place) + RECEIPT_NAME)) return false;
  if (!names.includes(uploadPrefix(place) + MANIFEST_NAME)) return true;
  const found = await readFound(context, place);
  const owner = found && (await context.store.getUpload(found.upload))?.place;
  return owner !== undefined && uploadPrefix(owner) !== uploadPrefix(place);
}

/** The manifest first, so that nobody takes what is left for an upload. */
async function deleteFiles(
  { uploads }: IngestContext,
  place: UploadRef,
  files: readonly ObjectInfo[],
): Promise<void> {
  const manifest = uploadPrefix(place) + MANIFEST_NAME;
  await uploads.delete([manifest]);
  await uploads.delete(files.map(({ key }) => key).filter((key) => key !== manifest));
}

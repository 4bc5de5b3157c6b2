import type { ObjectStore, ObjectStoreOptions } from './object-store.js';
import { parseObjectStoreUrl } from './url.js';

export { throwIfAborted } from './cancel.js';
export { isKey } from './keys.js';
export { parseObjectStoreUrl } from './url.js';
export type { FileLocation, ObjectStoreLocation, S3Location } from './url.js';
export type {
  FolderPage,
  FolderPageOptions,
  ListOptions,
  ListPage,
  ListPurpose,
  ObjectInfo,
  ObjectStore,
  ObjectStoreOptions,
  PutFileOptions,
  PutFileResult,
  PutOptions,
  ReadOptions,
  ResumeOptions,
} from './object-store.js';

/**
 * The object store behind a URL (see `parseObjectStoreUrl`). Reaches out to nothing yet: `check` does. Raises
 * `SettingsInvalid`.
 */
export async function openObjectStore(url: string, options: ObjectStoreOptions = {}): Promise<ObjectStore> {
  const location = parseObjectStoreUrl(url);
  // Loaded on demand: the AWS SDK costs a host that keeps its objects in a folder a tenth of a second and its memory at each start.
  if (location.kind === 's3') return new (await import('./s3.js')).S3ObjectStore(location, options);
  return new (await import('./file-system.js')).FileObjectStore(location);
}

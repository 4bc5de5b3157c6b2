import { ListObjectsV2Command, type ListObjectsV2CommandOutput } from '@aws-sdk/client-s3';
import { AkoshaError } from '../contract/index.js';
import { isKey } from './keys.js';
import {
  DEFAULT_PAGE_SIZE,
  type FolderPage,
  type FolderPageOptions,
  type ListOptions,
  type ObjectInfo,
} from './object-store.js';
import { listingOptions, type S3Connection } from './s3-connection.js';
import { isBadCursor } from './s3-errors.js';
import type { S3Location } from './url.js';

/** `delimiter` folds deeper keys into folders. */
interface ListQuery {
  prefix: string;
  delimiter?: '/';
}

/** The answers of one listing, each asked for when the one before is used up. */
export async function* listAnswers(
  connection: S3Connection,
  query: ListQuery,
  options: ListOptions,
): AsyncGenerator<ListObjectsV2CommandOutput> {
  let token: string | undefined;
  do {
    const answer = await listAnswer(connection, query, options, token);
    yield answer;
    token = nextToken(answer);
  } while (token !== undefined);
}

function listAnswer(
  { client, location }: S3Connection,
  query: ListQuery,
  options: ListOptions,
  token: string | undefined,
): Promise<ListObjectsV2CommandOutput> {
  return client.send(
    new ListObjectsV2Command({
      Bucket: location.bucket,
      Prefix: location.prefix + query.prefix,
      MaxKeys: Math.min(options.pageSize ?? DEFAULT_PAGE_SIZE, DEFAULT_PAGE_SIZE),
      ...(query.delimiter === undefined ? {} : { Delimiter: query.delimiter }),
      ...(token === undefined ? startAfter(location, options.startAfter) : { ContinuationToken: token }),
    }),
    listingOptions(options.signal, options.purpose),
  );
}

/** By the flag, not by the token: some servers send a token with the last page too. */
function nextToken(answer: ListObjectsV2CommandOutput): string | undefined {
  return answer.IsTruncated === true ? answer.NextContinuationToken : undefined;
}

/** See `ObjectStore.listFolderPage`: the cursor is S3's continuation token. Raises what the SDK raises besides. */
export async function listFolderPage(
  connection: S3Connection,
  prefix: string,
  { cursor, ...options }: FolderPageOptions,
): Promise<FolderPage> {
  try {
    const answer = await listAnswer(connection, { prefix, delimiter: '/' }, options, cursor);
    const folders = foldersOf(answer, connection.location, prefix);
    return { folders, cursor: nextToken(answer) ?? null };
  } catch (error) {
    if (cursor === undefined || !isBadCursor(error)) throw error;
    throw new AkoshaError(
      'ListingExpired',
      `the object store takes the cursor no more by which the listing of ${JSON.stringify(prefix)} was to go on`,
      { cause: error, details: { prefix } },
    );
  }
}

function startAfter(location: S3Location, key: string | undefined): { StartAfter?: string } {
  return key === undefined ? {} : { StartAfter: location.prefix + key };
}

/** The objects of one answer; not those, folder markers (`a/`) for one, whose keys break the rule of keys. */
export function objectsOf(answer: ListObjectsV2CommandOutput, location: S3Location): ObjectInfo[] {
  return (answer.Contents ?? []).flatMap((found) => {
    const key = (found.Key ?? '').slice(location.prefix.length);
    return isKey(key) ? [objectInfo(key, found.Size, found.LastModified)] : [];
  });
}

/** The folded segments of one answer, without the prefix. */
export function foldersOf(
  answer: ListObjectsV2CommandOutput,
  location: S3Location,
  prefix: string,
): string[] {
  return (answer.CommonPrefixes ?? []).flatMap((found) => {
    const folder = (found.Prefix ?? '').slice(location.prefix.length);
    return isKey(folder.slice(0, -1)) ? [folder.slice(prefix.length)] : [];
  });
}

export function objectInfo(key: string, size: number | undefined, modifiedAt: Date | undefined): ObjectInfo {
  if (size === undefined || modifiedAt === undefined) {
    throw new AkoshaError(
      'ObjectStoreUnavailable',
      `the object store described ${JSON.stringify(key)} without its size or time`,
    );
  }
  return { key, size, modifiedAt };
}

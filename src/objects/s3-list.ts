import { ListObjectsV2Command, type ListObjectsV2CommandOutput } from '@aws-sdk/client-s3';
import { AkoshaError } from '../contract/index.js';
import { isKey } from './keys.js';
import { DEFAULT_PAGE_SIZE, type ListOptions, type ObjectInfo } from './object-store.js';
import { type S3Connection, sendOptions } from './s3-connection.js';
import type { S3Location } from './url.js';

/** The answers of one listing, each asked for when the one before is used up. `delimiter` folds deeper keys into folders. */
export async function* listAnswers(
  { client, location }: S3Connection,
  query: { prefix: string; delimiter?: '/' },
  options: ListOptions,
): AsyncGenerator<ListObjectsV2CommandOutput> {
  let token: string | undefined;
  do {
    const answer: ListObjectsV2CommandOutput = await client.send(
      new ListObjectsV2Command({
        Bucket: location.bucket,
        Prefix: location.prefix + query.prefix,
        MaxKeys: Math.min(options.pageSize ?? DEFAULT_PAGE_SIZE, DEFAULT_PAGE_SIZE),
        ...(query.delimiter === undefined ? {} : { Delimiter: query.delimiter }),
        ...(token === undefined ? startAfter(location, options.startAfter) : { ContinuationToken: token }),
      }),
      sendOptions(options.signal),
    );
    yield answer;
    // By the flag, not by the token: some servers send a token with the last page too.
    token = answer.IsTruncated === true ? answer.NextContinuationToken : undefined;
  } while (token !== undefined);
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

import { AkoshaError } from '../contract/index.js';
import type { FolderPage, PutFileOptions } from './object-store.js';

/** Raises `UploadUnreadable` for an object of more bytes than its reader takes. */
export function assertSize(bytes: number, maxBytes: number | undefined, doing: string): void {
  if (maxBytes === undefined || bytes <= maxBytes) return;
  throw new AkoshaError(
    'UploadUnreadable',
    `${doing}: the object has ${bytes} bytes and its reader takes no more than ${maxBytes}`,
    { details: { bytes, maxBytes } },
  );
}

/** Raises `BadRequest` for a put that cannot be resumed because it goes in one request. */
export function assertResumable(key: string, { createOnly, resume }: PutFileOptions): void {
  if (createOnly !== true || resume === undefined) return;
  throw new AkoshaError('BadRequest', `put ${JSON.stringify(key)}: a create-only put cannot be resumed`, {
    details: { key },
  });
}

/** Full pages, then the rest. No page is empty. */
export async function* inPages<Item>(
  items: AsyncIterable<Item> | Iterable<Item>,
  pageSize: number,
): AsyncGenerator<Item[]> {
  let page: Item[] = [];
  for await (const item of items) {
    page.push(item);
    if (page.length < pageSize) continue;
    yield page;
    page = [];
  }
  if (page.length > 0) yield page;
}

/** The first of these pages; its cursor is the last name on it where more may follow. */
export async function pageByName(pages: AsyncIterable<string[]>, pageSize: number): Promise<FolderPage> {
  for await (const folders of pages) {
    return { folders, cursor: folders.length < pageSize ? null : (folders.at(-1) ?? null) };
  }
  return { folders: [], cursor: null };
}

/**
 * Runs `work` for every item, so many at once. After the first failure no further item is begun; it is raised when
 * those under way have ended, so that nothing runs on behind the caller's back. `onFailure` may hurry these up.
 */
export async function eachAtOnce<Item>(
  items: Iterable<Item>,
  atOnce: number,
  work: (item: Item, lane: number) => Promise<void>,
  onFailure?: () => void,
): Promise<void> {
  const queue = items[Symbol.iterator]();
  let failed: { error: unknown } | undefined;
  const run = async (lane: number): Promise<void> => {
    for (let next = queue.next(); next.done !== true && failed === undefined; next = queue.next()) {
      try {
        await work(next.value, lane);
      } catch (error) {
        failed ??= { error };
        onFailure?.();
      }
    }
  };
  await Promise.all(Array.from({ length: atOnce }, (_, lane) => run(lane)));
  if (failed !== undefined) throw failed.error;
}

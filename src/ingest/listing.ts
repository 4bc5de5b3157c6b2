import { isAkoshaError, type ListingPosition } from '../contract/index.js';
import type { FolderPage } from '../objects/index.js';
import type { IngestContext } from './context.js';
import { signalOption } from './signal-option.js';

export interface ListedPage {
  /** Names with a trailing `/`; may be none. */
  folders: string[];
  /** Null where this is the last page. */
  next: ListingPosition | null;
}

/** Where a listing is to go on, and how many names are wanted at a time. */
export interface PageRequest {
  prefix: string;
  position: ListingPosition | 'start';
  pageSize: number;
  signal: AbortSignal | undefined;
}

/**
 * How often a listing is begun anew: each time costs what was looked at before, and takes both a refused cursor and a folder that is gone.
 * Where that happens again and again something else is wrong, and a walk that never ends would hide it.
 */
const MOST_RESTARTS = 3;

type ListPage = (cursor?: string) => Promise<FolderPage>;

/**
 * The page of folders at a position that may be of long ago, or of another process. Where the store refuses its cursor the place is
 * looked for by the last name before it, from the beginning; where that is gone too, the listing begins anew. Of what comes or goes
 * meanwhile some may be missed, which is the next walk's. Raises `ListingExpired` where it had to begin anew several times.
 */
export async function pageAt(
  { uploads }: IngestContext,
  { prefix, position, pageSize, signal }: PageRequest,
): Promise<ListedPage> {
  const inPages =
    (size: { pageSize?: number }): ListPage =>
    (cursor) =>
      uploads.listFolderPage(prefix, {
        purpose: 'walk',
        ...size,
        ...(cursor === undefined ? {} : { cursor }),
        ...signalOption(signal),
      });
  const list = inPages({ pageSize });
  const begin = async (restarts: number): Promise<ListedPage> =>
    filledPage(list, await list(), { after: null, restarts });
  if (position === 'start') return begin(0);
  try {
    return await filledPage(list, await list(position.cursor), position);
  } catch (error) {
    if (!isAkoshaError(error, 'ListingExpired')) throw error;
    const found = await findAgain(list, inPages({}), position);
    if (found !== undefined) return found;
    if (position.restarts >= MOST_RESTARTS) throw error;
    return begin(position.restarts + 1);
  }
}

/**
 * First in the largest pages that the store has, so that a store which takes no cursor for longer than a moment costs one request for each
 * thousand names before; then in that page in those of the size that is wanted, for its rest may be ten times as much. Undefined where the
 * name is gone.
 */
async function findAgain(
  list: ListPage,
  listLarge: ListPage,
  position: ListingPosition,
): Promise<ListedPage | undefined> {
  if (position.after === null) return undefined;
  const large = await pageWith(listLarge, position.after, undefined);
  const found = large && (await pageWith(list, position.after, large.cursor));
  if (found === undefined) return undefined;
  const { page, place } = found;
  return filledPage(list, { ...page, folders: page.folders.slice(place + 1) }, position);
}

/** The page that has this name, from the one at `cursor` on. */
async function pageWith(
  list: ListPage,
  name: string,
  cursor: string | undefined,
): Promise<{ page: FolderPage; place: number; cursor: string | undefined } | undefined> {
  for (let at: string | undefined | null = cursor; at !== null;) {
    const page: FolderPage = await list(at);
    const place = page.folders.indexOf(name);
    if (place !== -1) return { page, place, cursor: at };
    at = page.cursor;
  }
  return undefined;
}

/** A page without names is no progress: whoever finds its place again each time would find the same one for ever. */
async function filledPage(
  list: ListPage,
  first: FolderPage,
  { after, restarts }: Pick<ListingPosition, 'after' | 'restarts'>,
): Promise<ListedPage> {
  let page = first;
  while (page.folders.length === 0 && page.cursor !== null) page = await list(page.cursor);
  const { folders, cursor } = page;
  return { folders, next: cursor === null ? null : { cursor, after: folders.at(-1) ?? after, restarts } };
}

import { open } from 'node:fs/promises';
import { KINDS, type UploadRef } from '../../contract/index.js';
import { throwIfAborted } from '../../objects/index.js';
import type { KnownList, ListBounds } from '../store.js';
import type { EngineContext } from './context.js';

/** Rows per call of the catalog's thread: one to two megabytes, in some 20 ms, so that others' calls come in between. */
const PAGE = 10_000;

/** The parts are read one after the other: who ingests with the list finds out whether anything came in between. */
export async function listKnown(
  { catalog }: EngineContext,
  upload: UploadRef,
  path: string,
  { least, most, mostBytes }: ListBounds,
  caller?: AbortSignal,
): Promise<KnownList | undefined> {
  const { systemId, uploadId } = upload;
  const placed = await catalog.read.countPlacements(systemId, most + 1);
  if (placed < Math.max(least, 1) || placed > most) return undefined;
  // Before the rows: what is placed from here on makes the list invalid, whether it is in it or not.
  const state = await catalog.write.knownState(upload);
  if (state === undefined) return undefined;
  const file = await open(path, 'w', 0o600);
  try {
    let rows = 0;
    let bytes = 0;
    for (const kind of KINDS) {
      for (let after: string | null = ''; after !== null;) {
        throwIfAborted(caller, `ingest of ${uploadId}`);
        const page = await catalog.read.knownRows({ systemId, kind, after, gap: state.gap, limit: PAGE });
        if (page.lines !== null) await file.writeFile(`${page.lines}\n`);
        rows += page.rows;
        bytes += page.lines?.length ?? 0;
        if (bytes > mostBytes) return undefined;
        after = page.rows < PAGE ? null : page.last;
      }
    }
    // Placed memories may all be below a gap, or deleted: those are not listed.
    return rows < Math.max(least, 1) ? undefined : { rows, state };
  } finally {
    await file.close();
  }
}

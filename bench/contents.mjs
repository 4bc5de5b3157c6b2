import { createHash } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import Libsql from 'libsql';
import { ingestUpload, walkUploads } from '../dist/ingest/index.js';
import { openObjectStore } from '../dist/objects/index.js';
import { ReaderPool } from '../dist/reader/index.js';
import { NOW, openStore } from './support.mjs';

/** Keys fetched at once: some megabytes of rows. */
const FETCHED = 500;

/** Ingests everything that lies in `uploads` into a new store in `folder`, one after the other, with nothing in its way. */
export async function ingestUndisturbed(folder, uploads) {
  const scratch = join(folder, 'scratch');
  await mkdir(scratch, { recursive: true });
  const archive = await openObjectStore(pathToFileURL(join(folder, 'objects')).href);
  const reader = new ReaderPool({ size: 2, memoryLimitMb: 512, jobTimeoutMs: 600_000 });
  const store = await openStore(folder, archive, reader);
  try {
    const context = { store, uploads, reader, scratch, clock: () => NOW };
    await walkUploads(context, () => undefined);
    for (const systemId of await store.unfinishedSystems(1_000_000)) {
      for (let next; (next = await store.nextUpload(systemId)) !== undefined;) {
        const { status, reason } = await ingestUpload(context, next);
        if (status !== 'ingested') throw new Error(`upload ${next.uploadId} was ${status}: ${reason}`);
      }
    }
  } finally {
    await store.close();
    await reader.close();
    await archive.close();
  }
  return contentsOf(folder, pathToFileURL(join(folder, 'objects')).href);
}

/**
 * What a closed store holds: each memory's key, with its content hash by the catalog and the hash of its text as the tiers have it. A placement
 * whose row is missing fails here.
 */
export async function contentsOf(folder, archiveUrl) {
  const catalog = new Libsql(join(folder, 'store', 'catalog.db'), { readonly: true });
  const placed = catalog.prepare('SELECT system_id, kind, memory_id, hash FROM placements').all();
  catalog.close();
  const hashes = new Map(placed.map((row) => [keyOf(row.system_id, row.kind, row.memory_id), row.hash]));
  const archive = await openObjectStore(archiveUrl);
  const reader = new ReaderPool({ size: 1, memoryLimitMb: 256, jobTimeoutMs: 60_000 });
  const store = await openStore(folder, archive, reader);
  const contents = new Map();
  try {
    const keys = placed.map((row) => ({ systemId: row.system_id, kind: row.kind, memoryId: row.memory_id }));
    for (let from = 0; from < keys.length; from += FETCHED) {
      for (const memory of await store.fetch(keys.slice(from, from + FETCHED), ['hot', 'warm', 'cold'])) {
        const key = keyOf(memory.systemId, memory.kind, memory.memoryId);
        const text = createHash('sha256').update(memory.content).digest('hex');
        contents.set(key, `${hashes.get(key)} ${text}`);
      }
    }
  } finally {
    await store.close();
    await archive.close();
    await reader.close();
  }
  if (contents.size !== hashes.size) throw new Error(`${hashes.size} placements, ${contents.size} rows`);
  return contents;
}

function keyOf(systemId, kind, memoryId) {
  return `${systemId}/${kind}/${memoryId}`;
}

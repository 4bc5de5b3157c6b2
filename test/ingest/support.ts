import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { inboxKey, manifestKey, receiptKey, uploadPrefix, type UploadRef } from '../../src/contract/index.js';
import type { IngestContext } from '../../src/ingest/index.js';
import { parseReceipt, type Receipt } from '../../src/memory/index.js';
import { openObjectStore, type ObjectStore } from '../../src/objects/index.js';
import { ReaderPool, type ReaderPoolOptions } from '../../src/reader/index.js';
import { openEmbeddedStore, type MemoryStore } from '../../src/store/index.js';
import { SAMPLES } from '../support/databases.js';
import { sharedReader } from '../support/shared-reader.js';

export const NOW = Date.parse('2026-11-22T12:00:00Z');

export const SAMPLE_FILES = ['reflection.duckdb', 'knowledge_graph.duckdb'] as const;

export interface IngestWorld {
  folder: string;
  context: IngestContext;
  store: MemoryStore;
  uploads: ObjectStore;
  archive: ObjectStore;
  /** What discovery and ingest logged. */
  warnings: Record<string, unknown>[];
  /** What they counted: quarantines, and by prefix the names that the last look skipped. */
  counted: { quarantined: number; skipped: Record<string, number> };
  /** The context with these calls of the object store replaced: a double that injects faults. */
  withFaults(faults: Partial<ObjectStore>): IngestContext;
  receipt(ref: UploadRef): Promise<Receipt | undefined>;
  /** Whether its inbox entry stands. */
  announced(ref: UploadRef): Promise<boolean>;
  close(): Promise<void>;
}

/** The store of a data folder; again and again for tests that restart it. */
export function openStoreIn(
  folder: string,
  archive: ObjectStore,
  reader: ReaderPool,
  options: { vectorIndexBytes?: number } = {},
): Promise<MemoryStore> {
  return openEmbeddedStore({
    dataFolder: folder,
    archive,
    policy: { hotDays: 7, warmDays: 90, coldBatchRows: 1000, coldOverdueDays: 7 },
    memoryMb: 256,
    coldCacheBytes: 2 ** 20,
    leaseMs: 60_000,
    hashFile: (path) => reader.hashFile(path),
    now: Date.now,
    ...options,
  });
}

/** The server's side of ingest on a temporary folder, with an archive of its own; a reader of its own where it is to be another. */
export async function openIngestWorld(
  options?: Partial<ReaderPoolOptions>,
  storeOptions: { vectorIndexBytes?: number } = {},
): Promise<IngestWorld> {
  const folder = await mkdtemp(join(tmpdir(), 'akosha-ingest-'));
  const scratch = join(folder, 'scratch');
  await mkdir(scratch);
  const uploads = await openObjectStore(`file://${join(folder, 'objects')}`);
  const archive = await openObjectStore(`file://${join(folder, 'archive')}`);
  const own = options && new ReaderPool({ size: 1, memoryLimitMb: 256, jobTimeoutMs: 60_000, ...options });
  const reader = own ?? sharedReader();
  const store = await openStoreIn(folder, archive, reader, storeOptions);
  const warnings: Record<string, unknown>[] = [];
  const log = { warn: (details: Record<string, unknown>) => void warnings.push(details) };
  const counted: IngestWorld['counted'] = { quarantined: 0, skipped: {} };
  const events = {
    quarantined: () => void counted.quarantined++,
    skipped: (prefix: string, names: number) => void (counted.skipped[prefix] = names),
  };
  const context: IngestContext = { store, uploads, reader, scratch, clock: () => NOW, log, events };
  return {
    folder,
    context,
    store,
    uploads,
    archive,
    warnings,
    counted,
    withFaults: (faults) => ({ ...context, uploads: replaceCalls(uploads, faults) }),
    receipt: async (ref) => {
      const found = await uploads.head(receiptKey(ref));
      return found === undefined ? undefined : parseReceipt(await uploads.get(receiptKey(ref)));
    },
    announced: async (ref) => (await uploads.head(inboxKey(ref))) !== undefined,
    close: async () => {
      await store.close();
      await own?.close();
      await uploads.close();
      await archive.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** The store's methods live on its class, so that a spread would lose them. */
function replaceCalls(store: ObjectStore, faults: Partial<ObjectStore>): ObjectStore {
  return {
    url: store.url,
    put: (...args) => store.put(...args),
    putFile: (...args) => store.putFile(...args),
    abortStaleUploads: (...args) => store.abortStaleUploads(...args),
    get: (...args) => store.get(...args),
    getFile: (...args) => store.getFile(...args),
    head: (...args) => store.head(...args),
    list: (...args) => store.list(...args),
    listFolders: (...args) => store.listFolders(...args),
    listFolderPage: (...args) => store.listFolderPage(...args),
    delete: (...args) => store.delete(...args),
    check: (...args) => store.check(...args),
    close: () => store.close(),
    ...faults,
  };
}

let lastTime = Date.parse('2026-11-22T10:00:00Z');

/** An upload id as the original Session-Buddy makes it, a second later with each call. */
export function originalId(): string {
  lastTime += 1_000;
  const time = new Date(lastTime).toISOString().slice(11, 19).replaceAll(':', '');
  return `20261122_${time}_0a1b2c3d`;
}

/** Puts an upload as the original Session-Buddy does: gzip, sizes 0, no checksums, no inbox entry. */
export async function putOriginal(
  uploads: ObjectStore,
  ref: UploadRef,
  files: Readonly<Record<string, Uint8Array>>,
): Promise<void> {
  for (const [name, content] of Object.entries(files)) await uploads.put(uploadPrefix(ref) + name, content);
  const manifest = {
    upload_id: ref.uploadId,
    system_id: ref.systemId,
    timestamp: '2026-11-22T10:00:00+00:00',
    files: Object.keys(files).map((name) => ({
      name,
      path: uploadPrefix(ref) + name,
      size_bytes: 0,
      compression: 'gzip',
      checksum: '',
    })),
    metadata: { uploader: 'session-buddy', version: '1.0.0' },
  };
  await uploads.put(manifestKey(ref), JSON.stringify(manifest));
}

/** Both sample databases as such an upload holds them. */
export async function sampleFiles(): Promise<Record<string, Uint8Array>> {
  const files = SAMPLE_FILES.map(
    async (name) => [`${name}.gz`, gzipSync(await readFile(join(SAMPLES, name)))] as const,
  );
  return Object.fromEntries(await Promise.all(files));
}

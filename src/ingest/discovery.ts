import { createHash } from 'node:crypto';
import {
  INBOX_PREFIX,
  inboxKey,
  isAkoshaError,
  MANIFEST_NAME,
  manifestKey,
  parseInboxKey,
  SYSTEMS_PREFIX,
  systemPrefix,
  type UploadRef,
} from '../contract/index.js';
import { failPoint } from '../faults/index.js';
import { MAX_MANIFEST_BYTES, parseManifest } from '../memory/index.js';
import type { FoundUpload, UploadState } from '../store/index.js';
import type { IngestContext } from './context.js';
import { ingestUpload } from './ingest-upload.js';

export interface Discovered {
  /** Uploads that are in the queue since now. */
  added: UploadRef[];
  /** Inbox entries, or folders, that were looked at. */
  seen: number;
  /** Systems with something new. */
  systems: string[];
}

/** Manifests read at once: enough to hide the store's latency, few enough to spare its connections. */
const CONCURRENCY = 8;

/**
 * Reads the inbox once: queues what is new, and removes entries of uploads that are through. Costs what is new, not what
 * exists.
 */
export async function pollInbox(context: IngestContext, signal?: AbortSignal): Promise<Discovered> {
  const result: Discovered = { added: [], seen: 0, systems: [] };
  for await (const page of context.uploads.list(INBOX_PREFIX, signal === undefined ? {} : { signal })) {
    const refs = page.objects.map(({ key }) => parseInboxKey(key)).filter((ref) => ref !== undefined);
    result.seen += refs.length;
    const states = new Map(
      (await context.store.knownUploads(refs)).map(({ ref, state }) => [inboxKey(ref), state]),
    );
    await removeStale(context, refs, states);
    result.added.push(
      ...(await register(
        context,
        refs.filter((ref) => !states.has(inboxKey(ref))),
      )),
    );
  }
  return withSystems(result);
}

/** An entry outlives its upload where the server died after the receipt, or where the host delivered it again. */
async function removeStale(
  context: IngestContext,
  refs: readonly UploadRef[],
  states: ReadonlyMap<string, UploadState>,
): Promise<void> {
  const inState = (...wanted: UploadState[]): UploadRef[] =>
    refs.filter((ref) => wanted.some((state) => states.get(inboxKey(ref)) === state));
  const stale = inState('done', 'raw_gone').map(inboxKey);
  if (stale.length > 0) await context.uploads.delete(stale);
  for (const ref of inState('quarantined')) await ingestUpload(context, ref);
}

export interface WalkProgress {
  systems: number;
  uploads: number;
}

/**
 * Walks all of `systems/` for complete uploads that the catalog does not know: those of original hosts, which write no inbox
 * entry, and those whose entry was lost.
 */
export async function walkUploads(
  context: IngestContext,
  onProgress: (progress: WalkProgress) => void,
  signal?: AbortSignal,
): Promise<Discovered> {
  const result: Discovered = { added: [], seen: 0, systems: [] };
  const progress: WalkProgress = { systems: 0, uploads: 0 };
  const options = signal === undefined ? {} : { signal };
  for await (const folders of context.uploads.listFolders(SYSTEMS_PREFIX, options)) {
    for (const folder of folders) {
      const systemId = folder.slice(0, -1);
      for await (const page of context.uploads.listFolders(systemPrefix(systemId), options)) {
        const refs = page.map((name) => ({ systemId, uploadId: name.slice(0, -1) })).filter(isWellFormed);
        result.seen += refs.length;
        progress.uploads += refs.length;
        const known = new Set((await context.store.knownUploads(refs)).map(({ ref }) => ref.uploadId));
        result.added.push(
          ...(await register(
            context,
            refs.filter(({ uploadId }) => !known.has(uploadId)),
          )),
        );
        onProgress(progress);
      }
      progress.systems++;
      onProgress(progress);
    }
  }
  return withSystems(result);
}

function isWellFormed(ref: UploadRef): boolean {
  return parseInboxKey(inboxKey(ref)) !== undefined;
}

/** Queues one upload that somebody names, if it is complete. Returns whether it is in the queue since now. */
export async function registerUpload(context: IngestContext, ref: UploadRef): Promise<boolean> {
  return (await register(context, [ref])).length > 0;
}

async function register(context: IngestContext, refs: readonly UploadRef[]): Promise<UploadRef[]> {
  const found: FoundUpload[] = [];
  for (let i = 0; i < refs.length; i += CONCURRENCY) {
    const batch = await Promise.all(refs.slice(i, i + CONCURRENCY).map((ref) => readFound(context, ref)));
    found.push(...batch.filter((upload) => upload !== undefined));
  }
  if (found.length === 0) return [];
  const added = await context.store.registerUploads(found);
  failPoint('ingest.after-register');
  // Nobody will take these from the queue: their host learns the reason here.
  for (const upload of found) if (upload.quarantine !== undefined) await ingestUpload(context, upload);
  return added;
}

/** Undefined where the manifest does not stand: the upload is not complete, or its files are gone. */
async function readFound(context: IngestContext, ref: UploadRef): Promise<FoundUpload | undefined> {
  let bytes: Buffer;
  try {
    bytes = await context.uploads.get(manifestKey(ref), { maxBytes: MAX_MANIFEST_BYTES });
  } catch (error) {
    if (isAkoshaError(error, 'ObjectNotFound')) return undefined;
    if (isAkoshaError(error, 'UploadUnreadable'))
      return unreadable(ref, `${MANIFEST_NAME}: ${error.message}`, '');
    throw error;
  }
  const manifestSha256 = createHash('sha256').update(bytes).digest('hex');
  try {
    const manifest = parseManifest(ref, bytes);
    return {
      ...ref,
      order: manifest.order,
      previousOrder: manifest.previousOrder ?? null,
      manifestSha256,
      createdAt: manifest.createdAt,
    };
  } catch (error) {
    if (isAkoshaError(error, 'UploadUnreadable')) return unreadable(ref, error.message, manifestSha256);
    throw error;
  }
}

/** Order 0: before everything, so that it makes no gap. */
function unreadable(ref: UploadRef, reason: string, manifestSha256: string): FoundUpload {
  return { ...ref, order: 0, previousOrder: null, manifestSha256, createdAt: 0, quarantine: reason };
}

function withSystems(result: Discovered): Discovered {
  return { ...result, systems: [...new Set(result.added.map((ref) => ref.systemId))] };
}

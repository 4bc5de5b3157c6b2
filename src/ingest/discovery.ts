import { createHash } from 'node:crypto';
import {
  INBOX_PREFIX,
  inboxKey,
  isAkoshaError,
  MANIFEST_NAME,
  manifestKey,
  parseInboxKey,
  receiptKey,
  SYSTEMS_PREFIX,
  systemPrefix,
  type UploadRef,
} from '../contract/index.js';
import { failPoint } from '../faults/index.js';
import { MAX_MANIFEST_BYTES, parseManifest } from '../memory/index.js';
import type { FoundUpload, UploadState } from '../store/index.js';
import type { IngestContext } from './context.js';
import { ingestUpload } from './ingest-upload.js';
import { Look, type Discovered } from './look.js';

/**
 * Reads the inbox once: queues what is new, and removes entries of uploads that are through. Costs what is new, not what
 * exists. An upload that fails is in `failed` and holds up no other; raises where all fail, where the object store does not
 * answer, and where `signal` fires.
 */
export async function pollInbox(context: IngestContext, signal?: AbortSignal): Promise<Discovered> {
  const look = new Look(context);
  for await (const page of context.uploads.list(INBOX_PREFIX, signalOption(signal))) {
    const refs = page.objects.map(({ key }) => parseInboxKey(key)).filter((ref) => ref !== undefined);
    look.seen += refs.length;
    const states = await statesOf(context, refs);
    await finishStale(context, look, refs, states);
    await register(
      context,
      look,
      refs.filter((ref) => !states.has(inboxKey(ref))),
      signal,
    );
  }
  return look.result();
}

/** An entry outlives its upload where the server died after the receipt, or where the host delivered it again. */
async function finishStale(
  context: IngestContext,
  look: Look,
  refs: readonly UploadRef[],
  states: ReadonlyMap<string, UploadState>,
): Promise<void> {
  const stateOf = (ref: UploadRef): UploadState | undefined => states.get(inboxKey(ref));
  await look.each(
    refs.filter((ref) => stateOf(ref) === 'done' || stateOf(ref) === 'raw_gone'),
    (ref) => context.uploads.delete([inboxKey(ref)]),
  );
  await look.each(
    refs.filter((ref) => stateOf(ref) === 'quarantined'),
    (ref) => ingestUpload(context, ref),
  );
  look.throwIfEnded();
}

export interface WalkProgress {
  systems: number;
  uploads: number;
}

/**
 * Walks all of `systems/` for complete uploads that the catalog does not know: those of original hosts, which write no inbox
 * entry, and those whose entry was lost. Failures as in `pollInbox`.
 */
export async function walkUploads(
  context: IngestContext,
  onProgress: (progress: WalkProgress) => void,
  signal?: AbortSignal,
): Promise<Discovered> {
  const look = new Look(context);
  const progress: WalkProgress = { systems: 0, uploads: 0 };
  for await (const folders of context.uploads.listFolders(SYSTEMS_PREFIX, signalOption(signal))) {
    for (const folder of folders) {
      const systemId = folder.slice(0, -1);
      const pages = context.uploads.listFolders(systemPrefix(systemId), signalOption(signal));
      for await (const page of pages) {
        const refs = page.map((name) => ({ systemId, uploadId: name.slice(0, -1) })).filter(isWellFormed);
        look.seen += refs.length;
        progress.uploads += refs.length;
        const states = await statesOf(context, refs);
        await giveReceipts(
          context,
          look,
          refs.filter((ref) => states.get(inboxKey(ref)) === 'quarantined'),
        );
        await register(
          context,
          look,
          refs.filter((ref) => !states.has(inboxKey(ref))),
          signal,
        );
        onProgress(progress);
      }
      progress.systems++;
      onProgress(progress);
    }
  }
  return look.result();
}

/**
 * A crash between quarantine and receipt leaves an upload that no queue holds, and of an original host no inbox entry either:
 * this look is its last chance. Costs a request for each upload in quarantine, of which there are few.
 */
async function giveReceipts(context: IngestContext, look: Look, refs: readonly UploadRef[]): Promise<void> {
  await look.each(refs, async (ref) => {
    if ((await context.uploads.head(receiptKey(ref))) === undefined) await ingestUpload(context, ref);
  });
  look.throwIfEnded();
}

function isWellFormed(ref: UploadRef): boolean {
  return parseInboxKey(inboxKey(ref)) !== undefined;
}

/** Queues one upload that somebody names, if it is complete. Returns whether it is in the queue since now. */
export async function registerUpload(context: IngestContext, ref: UploadRef): Promise<boolean> {
  const look = new Look(context);
  await register(context, look, [ref]);
  return look.result().added.length > 0;
}

async function register(
  context: IngestContext,
  look: Look,
  refs: readonly UploadRef[],
  signal?: AbortSignal,
): Promise<void> {
  const read = await look.each(refs, (ref) => readFound(context, ref, signal));
  const found = read.filter((upload) => upload !== undefined);
  if (found.length > 0) {
    look.added.push(...(await context.store.registerUploads(found)));
    failPoint('ingest.after-register');
    // Nobody will take these from the queue: their host learns the reason here.
    await look.each(
      found.filter(({ quarantine }) => quarantine !== undefined),
      (ref) => ingestUpload(context, ref),
    );
  }
  look.throwIfEnded();
}

/** Undefined where the manifest does not stand: the upload is not complete, or its files are gone. */
async function readFound(
  context: IngestContext,
  ref: UploadRef,
  signal?: AbortSignal,
): Promise<FoundUpload | undefined> {
  let bytes: Buffer;
  try {
    const limits = { maxBytes: MAX_MANIFEST_BYTES, ...signalOption(signal) };
    bytes = await context.uploads.get(manifestKey(ref), limits);
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

async function statesOf(
  context: IngestContext,
  refs: readonly UploadRef[],
): Promise<Map<string, UploadState>> {
  const known = await context.store.knownUploads(refs);
  return new Map(known.map(({ ref, state }) => [inboxKey(ref), state]));
}

function signalOption(signal: AbortSignal | undefined): { signal?: AbortSignal } {
  return signal === undefined ? {} : { signal };
}

import { isAkoshaError, manifestKey, receiptKey, systemPrefix, type UploadRef } from '../contract/index.js';
import { originalUploadOrder, parseManifest, parseReceipt, type Manifest } from '../memory/index.js';
import type { ObjectStore } from '../objects/index.js';
import type { Host } from './host.js';
import { withSignal } from './options.js';
import { NO_SEQUENCE, type SequenceState } from './outbox/sequence-rows.js';
import { getIfPresent } from './store-reads.js';

export interface OrderNumbers {
  order: number;
  previousOrder: number | null;
}

/**
 * After a lost disk a host reads all its manifests anew; eight at once keep that short without being a
 * burden.
 */
const READS_AT_ONCE = 8;

/**
 * The next upload's number, strictly above everything under the system's prefix and everything given out
 * before; kept durably before it is returned. A number whose upload never comes about leaves a gap, which
 * means nothing.
 *
 * `previousOrder` is that of the last upload acknowledged or still queued, null for a system's first; or that of a later one which was
 * given up half-way: what was sent of it may still arrive, and the server is to count on that.
 *
 * Where the object store does not answer, the host's own memory suffices; without that either it raises
 * `ObjectStoreUnavailable`, because a host that lost its disk would number below what it sent before.
 */
export async function nextOrder(host: Host, signal: AbortSignal | undefined): Promise<OrderNumbers> {
  const { sequence, files, rows } = host.outbox;
  const queued = (await files.list())
    .filter(({ manifest }) => manifest.systemId === host.systemId)
    .map(({ manifest }) => manifest.order);
  const seen = await surveyStore(host, sequence.load(host.systemId), signal);
  const order = Math.max(seen.lastOrder, ...queued) + 1;
  sequence.save(host.systemId, { ...seen, lastOrder: order });
  const abandoned = rows.lastAbandonedOrder(host.systemId);
  return { order, previousOrder: greatest([...queued, seen.lastAcknowledgedOrder, abandoned]) };
}

/** The greatest of the numbers, null where there is none. */
function greatest(orders: readonly (number | null)[]): number | null {
  const known = orders.filter((order) => order !== null);
  return known.length === 0 ? null : Math.max(...known);
}

/** Remembers that an upload's manifest stands. */
export function recordAcknowledged({ outbox: { sequence } }: Host, manifest: Manifest): void {
  const state = sequence.load(manifest.systemId) ?? NO_SEQUENCE;
  const { uploadId, order } = manifest;
  sequence.save(manifest.systemId, accounted(state, [{ uploadId, order, complete: true }]));
}

interface SeenUpload {
  uploadId: string;
  order: number;
  /** Has a manifest or receipt that can be read. */
  complete: boolean;
}

async function surveyStore(
  host: Host,
  own: SequenceState | undefined,
  signal: AbortSignal | undefined,
): Promise<SequenceState> {
  const state = own ?? NO_SEQUENCE;
  try {
    const listed = await listUploads(host, signal);
    const known = new Set(state.knownUploads);
    const seen = await readOrders(
      host,
      listed.filter((uploadId) => !known.has(uploadId)),
      signal,
    );
    const next = accounted(state, seen);
    const standing = new Set(listed);
    return { ...next, knownUploads: next.knownUploads.filter((uploadId) => standing.has(uploadId)) };
  } catch (error) {
    if (own === undefined || !isAkoshaError(error, 'ObjectStoreUnavailable')) throw error;
    host.log?.warn(
      { reason: error.message },
      'the object store is away; numbering the upload by local memory',
    );
    return state;
  }
}

async function listUploads({ uploads, systemId }: Host, signal: AbortSignal | undefined): Promise<string[]> {
  const found: string[] = [];
  for await (const page of uploads.listFolders(systemPrefix(systemId), withSignal(signal))) {
    found.push(...page.map((folder) => folder.replace(/\/$/, '')));
  }
  return found.filter((uploadId) => /^[A-Za-z0-9_.-]+$/.test(uploadId));
}

async function readOrders(
  host: Host,
  uploadIds: readonly string[],
  signal: AbortSignal | undefined,
): Promise<SeenUpload[]> {
  const seen: SeenUpload[] = [];
  for (let at = 0; at < uploadIds.length; at += READS_AT_ONCE) {
    const some = uploadIds.slice(at, at + READS_AT_ONCE);
    const read = await Promise.all(
      some.map((uploadId) => readOrder(host.uploads, { systemId: host.systemId, uploadId }, signal)),
    );
    seen.push(...read.filter((upload) => upload !== undefined));
  }
  return seen;
}

/** Undefined for an upload that is not complete: it may become so, so it is looked at again. */
async function readOrder(
  store: ObjectStore,
  ref: UploadRef,
  signal: AbortSignal | undefined,
): Promise<SeenUpload | undefined> {
  const { uploadId } = ref;
  for (const { key, parse } of [
    { key: manifestKey(ref), parse: (bytes: Buffer) => parseManifest(ref, bytes).order },
    { key: receiptKey(ref), parse: (bytes: Buffer) => parseReceipt(bytes).order },
  ]) {
    const order = await readIfSound(store, key, parse, signal);
    if (order !== undefined) return { uploadId, order, complete: true };
  }
  const byName = originalUploadOrder(uploadId);
  return byName === undefined ? undefined : { uploadId, order: byName, complete: false };
}

/** Undefined where there is no such object, or one that is not what it should be. */
async function readIfSound<T>(
  store: ObjectStore,
  key: string,
  parse: (bytes: Buffer) => T,
  signal: AbortSignal | undefined,
): Promise<T | undefined> {
  try {
    const bytes = await getIfPresent(store, key, signal);
    return bytes === undefined ? undefined : parse(bytes);
  } catch (error) {
    if (isAkoshaError(error) && error.type !== 'UploadUnreadable') throw error;
    return undefined;
  }
}

function accounted(state: SequenceState, seen: readonly SeenUpload[]): SequenceState {
  const complete = seen.filter((upload) => upload.complete);
  return {
    lastOrder: Math.max(state.lastOrder, ...seen.map(({ order }) => order)),
    lastAcknowledgedOrder: greatest([state.lastAcknowledgedOrder, ...complete.map(({ order }) => order)]),
    knownUploads: [...new Set([...state.knownUploads, ...complete.map(({ uploadId }) => uploadId)])],
  };
}

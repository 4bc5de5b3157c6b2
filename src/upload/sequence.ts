import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import {
  isAkoshaError,
  manifestKey,
  messageOf,
  receiptKey,
  systemPrefix,
  type UploadRef,
} from '../contract/index.js';
import { originalUploadOrder, parseManifest, parseReceipt, type Manifest } from '../memory/index.js';
import type { ObjectStore } from '../objects/index.js';
import { isMissing, writeFileDurably } from './durable-file.js';
import { agentFolder, withSignal, type HostContext } from './host.js';
import type { Outbox } from './outbox.js';
import { getIfPresent } from './store-reads.js';

const SequenceState = z.object({
  system_id: z.string(),
  /** The greatest number given out or seen. */
  last_order: z.number().int().nonnegative(),
  /** The greatest number of a complete upload in the object store. */
  last_acknowledged_order: z.number().int().nullable(),
  /** Uploads in the object store whose numbers are accounted for above, so that they are read once. */
  known_uploads: z.array(z.string()),
});
type SequenceState = z.infer<typeof SequenceState>;

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
 * `previousOrder` is that of the last upload acknowledged or still queued, null for a system's first.
 *
 * Where the object store does not answer, the host's own memory suffices; without that either it raises
 * `ObjectStoreUnavailable`, because a host that lost its disk would number below what it sent before.
 */
export async function nextOrder(
  host: HostContext,
  outbox: Outbox,
  signal: AbortSignal | undefined,
): Promise<OrderNumbers> {
  const own = await load(host);
  const queued = (await outbox.list())
    .filter(({ manifest }) => manifest.systemId === host.systemId)
    .map(({ manifest }) => manifest.order);
  const seen = await surveyStore(host, own, signal);
  const order = Math.max(seen.last_order, ...queued) + 1;
  await save(host, { ...seen, last_order: order });
  const previous = [
    ...queued,
    ...(seen.last_acknowledged_order === null ? [] : [seen.last_acknowledged_order]),
  ];
  return { order, previousOrder: previous.length === 0 ? null : Math.max(...previous) };
}

/** Remembers that an upload's manifest stands. */
export async function recordAcknowledged(host: HostContext, manifest: Manifest): Promise<void> {
  // Under its former name, after `systemId` was changed: the sequence is the new system's.
  if (manifest.systemId !== host.systemId) return;
  const state = (await load(host)) ?? emptyState(host);
  await save(
    host,
    accounted(state, [{ uploadId: manifest.uploadId, order: manifest.order, complete: true }]),
  );
}

interface SeenUpload {
  uploadId: string;
  order: number;
  /** Has a manifest or receipt that can be read. */
  complete: boolean;
}

async function surveyStore(
  host: HostContext,
  own: SequenceState | undefined,
  signal: AbortSignal | undefined,
): Promise<SequenceState> {
  const state = own ?? emptyState(host);
  try {
    const listed = await listUploads(host, signal);
    const known = new Set(state.known_uploads);
    const seen = await readOrders(
      host,
      listed.filter((uploadId) => !known.has(uploadId)),
      signal,
    );
    const next = accounted(state, seen);
    const standing = new Set(listed);
    return { ...next, known_uploads: next.known_uploads.filter((uploadId) => standing.has(uploadId)) };
  } catch (error) {
    if (own === undefined || !isAkoshaError(error, 'ObjectStoreUnavailable')) throw error;
    host.log?.warn(
      { reason: error.message },
      'the object store is away; numbering the upload by local memory',
    );
    return state;
  }
}

async function listUploads(
  { uploads, systemId }: HostContext,
  signal: AbortSignal | undefined,
): Promise<string[]> {
  const found: string[] = [];
  for await (const page of uploads.listFolders(systemPrefix(systemId), withSignal(signal))) {
    found.push(...page.map((folder) => folder.replace(/\/$/, '')));
  }
  return found.filter((uploadId) => /^[A-Za-z0-9_.-]+$/.test(uploadId));
}

async function readOrders(
  host: HostContext,
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
  const acknowledged = [state.last_acknowledged_order, ...complete.map(({ order }) => order)].filter(
    (order) => order !== null,
  );
  return {
    ...state,
    last_order: Math.max(state.last_order, ...seen.map(({ order }) => order)),
    last_acknowledged_order: acknowledged.length === 0 ? null : Math.max(...acknowledged),
    known_uploads: [...new Set([...state.known_uploads, ...complete.map(({ uploadId }) => uploadId)])],
  };
}

function emptyState({ systemId }: HostContext): SequenceState {
  return { system_id: systemId, last_order: 0, last_acknowledged_order: null, known_uploads: [] };
}

function statePath(host: HostContext): string {
  return join(agentFolder(host.dataDir), 'sequence.json');
}

/**
 * Undefined where there is none, where it is damaged, and where it is of another system: then the object
 * store knows.
 */
async function load(host: HostContext): Promise<SequenceState | undefined> {
  try {
    const state = SequenceState.parse(JSON.parse(await readFile(statePath(host), 'utf8')));
    return state.system_id === host.systemId ? state : undefined;
  } catch (error) {
    if (!isMissing(error)) {
      host.log?.warn(
        { path: statePath(host), reason: messageOf(error) },
        'the order numbers on disk are unreadable',
      );
    }
    return undefined;
  }
}

async function save(host: HostContext, state: SequenceState): Promise<void> {
  await writeFileDurably(statePath(host), `${JSON.stringify(state)}\n`);
}

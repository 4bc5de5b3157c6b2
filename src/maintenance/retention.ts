import {
  MANIFEST_NAME,
  RECEIPT_NAME,
  uploadPrefix,
  type RetentionBatch,
  type RetentionCursor,
  type UploadRef,
} from '../contract/index.js';
import { failPoint } from '../faults/index.js';
import { throwIfAborted, type ObjectStore } from '../objects/index.js';
import type { RetentionLedger, Retirement } from '../store/index.js';
import { Pace } from './pace.js';

export interface RetentionContext {
  store: RetentionLedger;
  /** `systems/`. */
  uploads: ObjectStore;
  /** How long raw uploads stay after their receipt, in milliseconds; 0: for ever, but for those that are to go at once. */
  keepMs: number;
  /** The system's clock, milliseconds since 1970. */
  now: () => number;
  /** Whoever writes or deletes an upload's receipt has its turn. */
  inTurn: <T>(ref: UploadRef, work: () => Promise<T>) => Promise<T>;
  log?: { info(details: Record<string, unknown>, message: string): void };
}

export interface RetentionTools {
  signal?: AbortSignal | undefined;
  /** Told after each few uploads how many were deleted. */
  onProgress?: (deleted: number) => void;
}

/** Uploads of one batch: at the bound below five seconds, which is what a crash or a shutdown has to wait for. */
const BATCH = 100;

/** Uploads at once: enough to hide the latency of a store, few beside what hosts and ingests ask of it. */
const AT_ONCE = 4;

/**
 * The most uploads a second. Each takes four requests, so that these are 80, of the thousands that a store takes: a first run over a year of
 * uploads is not felt by anybody. 200 hosts that upload every hour are deleted in four minutes a day.
 */
const PER_SECOND = 20;

const BEGINNING: RetentionCursor = { part: 'expired', since: 0, systemId: '', uploadId: '' };

/**
 * Deletes raw uploads whose days are over, one batch of them. Their memories stand in journal and cold objects, and what became of them in the
 * ledger, whose rows are in a backup. Of a system's greatest order manifest and receipt stay, because its host reads from them which
 * numbers are taken. What one look leaves out, because it is in no backup yet, the next takes.
 */
export async function retireUploads(
  { store, uploads, keepMs, now, inTurn, log }: RetentionContext,
  after: RetentionCursor | null,
  { signal, onProgress = () => undefined }: RetentionTools = {},
): Promise<RetentionBatch> {
  const begin = after ?? BEGINNING;
  // Those that go at once are due since 0.
  const before = keepMs === 0 ? 0 : now() - keepMs;
  const due = await store.uploadsToRetire({ before, after: begin, limit: BATCH });
  const pace = new Pace(PER_SECOND);
  const retire = async (ref: UploadRef): Promise<boolean> => {
    const retirement = await store.beginRetirement(ref, before);
    if (retirement === undefined) return false;
    failPoint('retention.after-ledger');
    await deleteRaw(uploads, retirement);
    await store.endRetirement(ref, retirement.keeps);
    failPoint('retention.after-end');
    return true;
  };
  let deleted = 0;
  for (let from = 0; from < due.length; from += AT_ONCE) {
    throwIfAborted(signal, 'deletion of raw uploads');
    const some = due.slice(from, from + AT_ONCE);
    const begun = performance.now();
    const outcomes = await Promise.all(some.map((ref) => inTurn(ref, () => retire(ref))));
    deleted += outcomes.filter(Boolean).length;
    onProgress(deleted);
    pace.moved(some.length, begun);
    await pace.wait(signal);
  }
  if (deleted > 0) log?.info({ deleted }, 'raw uploads deleted, their days being over');
  return { deleted, next: nextOf(begin, due) };
}

function nextOf({ part }: RetentionCursor, due: readonly RetentionCursor[]): RetentionCursor | null {
  const last = due.at(-1);
  if (last !== undefined && due.length === BATCH) return last;
  return part === 'expired' ? { ...BEGINNING, part: 'outnumbered' } : null;
}

/**
 * The manifest first: without it nobody takes what is left for an upload. The receipt last: while files stand, a rebuild learns from it what
 * they are.
 */
async function deleteRaw(uploads: ObjectStore, { place, keeps }: Retirement): Promise<void> {
  const prefix = uploadPrefix(place);
  const [manifest, receipt] = [prefix + MANIFEST_NAME, prefix + RECEIPT_NAME];
  if (keeps !== 'names') await uploads.delete([manifest]);
  failPoint('retention.after-manifest');
  for await (const { objects } of uploads.list(prefix)) {
    const files = objects.map(({ key }) => key).filter((key) => key !== manifest && key !== receipt);
    if (files.length > 0) await uploads.delete(files);
  }
  failPoint('retention.after-files');
  if (keeps === 'nothing') await uploads.delete([receipt]);
  failPoint('retention.after-receipt');
}

import {
  AkoshaError,
  inboxKey,
  NO_ROWS,
  receiptKey,
  type IngestSummary,
  type UploadRef,
} from '../contract/index.js';
import { failPoint } from '../faults/index.js';
import type { Receipt } from '../memory/index.js';
import type { ObjectStore } from '../objects/index.js';
import { gather, Turns } from '../runtime/index.js';
import type { UploadRecord } from '../store/index.js';
import type { IngestContext } from './context.js';
import { sumExcluded } from './databases.js';
import { othersInHand } from './in-hand.js';
import { requireUpload } from './ledger.js';
import { deleteRawFiles } from './raw-files.js';

/** What a receipt tells of an upload's end. */
interface FinishedUpload extends IngestSummary {
  status: Receipt['status'];
  /** It had no receipt before this call: of all that come to it, one at most finds that. */
  isEnd: boolean;
}

const turns = new Turns();

const removals = new WeakMap<ObjectStore, (key: string) => Promise<void>>();

/**
 * For how long uploads that end may wait for each other, for each that is in hand. A request costs this process and the object store 5 ms of
 * CPU, a thirtieth of an ingest, and is over long before the next one ends: without a pause most would go alone. The cost: under load the
 * next upload of the same system begins up to 300 ms later.
 */
const PAUSE = { msForEach: 10, mostMs: 300 };

/** One request takes a thousand keys, and uploads that end at the same time share it. */
function removeEntry(uploads: ObjectStore, key: string): Promise<void> {
  let remove = removals.get(uploads);
  if (remove === undefined)
    removals.set(
      uploads,
      (remove = gather(
        (keys: string[]) => uploads.delete(keys),
        () => Math.min(othersInHand() * PAUSE.msForEach, PAUSE.mostMs),
      )),
    );
  return remove(key);
}

/**
 * Who writes or removes a receipt has the upload's turn from the look at the ledger on: a receipt of an earlier state, put late, would
 * stand for good over that of a later one. In memory, because the store belongs to one process.
 */
export function inTurn<T>({ systemId, uploadId }: UploadRef, work: () => Promise<T>): Promise<T> {
  return turns.take(`${systemId}/${uploadId}`, work);
}

/**
 * Steps 6 and 7: receipt, then inbox entry. Anyone may do them, any number of times: both come from the ledger, as it is when this
 * upload's turn comes.
 */
export function finishUpload(context: IngestContext, ref: UploadRef): Promise<FinishedUpload> {
  return inTurn(ref, () => finish(context, ref));
}

/** For who has the upload's turn. */
export async function finish(context: IngestContext, ref: UploadRef): Promise<FinishedUpload> {
  const record = await requireUpload(context.store, ref);
  if (record.state === 'pending') {
    const fault = `upload ${ref.uploadId} of system ${ref.systemId} was put back in the queue`;
    throw new AkoshaError('OperationClosed', fault);
  }
  const givenUp = record.state === 'quarantined' || record.state === 'dropped';
  // The ledger has no state of its own for one that was given up and has its receipt.
  const isUntold = givenUp && (await context.uploads.head(receiptKey(record.place))) === undefined;
  const outcome: FinishedUpload = {
    ...endOf(record),
    isEnd: record.state === 'committed' || record.state === 'receipted' || isUntold,
  };
  if (record.state === 'committed' || givenUp) {
    await context.uploads.put(receiptKey(record.place), receiptOf(record, outcome, context.clock()), {
      contentType: 'application/json',
    });
    failPoint('ingest.after-receipt-put');
    await context.store.markReceipted(ref);
    failPoint('ingest.after-receipted');
  }
  await removeEntry(context.uploads, inboxKey(ref));
  failPoint('ingest.after-inbox-delete');
  // Before it is done, so that whoever goes on after a crash does this too; and each time that it is told of, because a host may have
  // delivered it once more.
  if (record.forgottenRows > 0) await deleteRawFiles(context.uploads, record.place);
  await context.store.markDone(ref);
  if (record.forgottenRows > 0) await context.store.markForgotten(ref);
  failPoint('ingest.after-done');
  return outcome;
}

/** What an upload that is through came to. */
export function endOf({ state, committedAt, rows, reason }: UploadRecord): Omit<FinishedUpload, 'isEnd'> {
  const unread = state === 'raw_gone' && committedAt === null;
  const givenUp = state === 'quarantined' || state === 'dropped' || unread;
  return givenUp ? { status: 'quarantined', rows: NO_ROWS, reason } : { status: 'ingested', rows, reason };
}

/** Times come from the ledger, so that a receipt put again is the same. */
export function receiptOf(
  record: UploadRecord,
  { status, rows, reason }: Omit<FinishedUpload, 'isEnd'>,
  now: number,
): string {
  const receipt: Receipt = {
    format_version: 1,
    upload_id: record.uploadId,
    system_id: record.systemId,
    status,
    order: record.order,
    reader: record.reader ?? '',
    files: record.files,
    rows,
    mirrors: record.mirrors,
    excluded: sumExcluded(record.files),
    reason,
    ...(record.dropped === null ? {} : { dropped: { ...record.dropped, at: iso(record.dropped.at) } }),
    ingested_at: iso(record.committedAt ?? now),
    ...(record.forgottenRows === 0 ? {} : { forgotten_rows: record.forgottenRows }),
    ...(record.forgottenAt === null ? {} : { forgotten_at: iso(record.forgottenAt) }),
    ...againOf(record),
  };
  return `${JSON.stringify(receipt, null, 2)}\n`;
}

function againOf({ again }: UploadRecord): Pick<Receipt, 'again'> {
  if (again === null || again.first === null) return {};
  const { committedAt, rows } = again.first;
  return { again: { times: again.times, first: { ingested_at: iso(committedAt), rows } } };
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}

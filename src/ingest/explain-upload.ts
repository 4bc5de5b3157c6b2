import type { UploadRef } from '../contract/index.js';
import type { MemoryStore, UploadRecord } from '../store/index.js';
import { requireUpload } from './ledger.js';

/** Something that happened to an upload. */
export interface UploadEvent {
  /** Milliseconds since 1970: of `created` by the host's clock, of the others by the system's. */
  at: number;
  what: 'created' | 'queued' | 'ingested' | 'quarantined' | 'dropped' | 'asked to be ingested again';
  /** In words, where there is more to say. */
  detail: string | null;
}

export interface UploadExplanation {
  upload: UploadRecord;
  /** In the order of time. */
  happened: UploadEvent[];
  /** Uploads of its system that are ingested before it; null where it does not wait. */
  ahead: number | null;
  /** What happens to it next, in words. */
  next: string;
}

/** Uploads that wait before one are counted up to here: more than these are told as many. */
const MOST_AHEAD = 1_000;

/** What became of an upload, and what will. Raises `UploadUnknown`. */
export async function explainUpload(store: MemoryStore, ref: UploadRef): Promise<UploadExplanation> {
  const upload = await requireUpload(store, ref);
  const ahead = waits(upload) ? await countAhead(store, upload) : null;
  return { upload, happened: happened(upload), ahead, next: nextStep(upload, ahead) };
}

function waits({ state, again }: UploadRecord): boolean {
  return state === 'pending' || (again !== null && again.requestedAt !== null);
}

async function countAhead(store: MemoryStore, { systemId, uploadId, order }: UploadRecord): Promise<number> {
  const { uploads } = await store.listUploads({ systemId, state: 'pending', limit: MOST_AHEAD });
  return uploads.filter(
    (other) => other.order < order || (other.order === order && other.uploadId < uploadId),
  ).length;
}

function happened(upload: UploadRecord): UploadEvent[] {
  const { createdAt, registeredAt, committedAt, quarantinedAt, dropped, again, reason } = upload;
  const first = again?.first ?? null;
  const events: (UploadEvent | null)[] = [
    // 0: its manifest cannot be read.
    createdAt === 0 ? null : { at: createdAt, what: 'created', detail: 'by the host’s clock' },
    { at: registeredAt, what: 'queued', detail: null },
    quarantinedAt === null ? null : { at: quarantinedAt, what: 'quarantined', detail: reason },
    first === null ? null : { at: first.committedAt, what: 'ingested', detail: 'for the first time' },
    committedAt === null ? null : { at: committedAt, what: 'ingested', detail: readerOf(upload) },
    again?.requestedAt === null || again === null
      ? null
      : { at: again.requestedAt, what: 'asked to be ingested again', detail: again.failure },
    dropped && { at: dropped.at, what: 'dropped', detail: `by ${dropped.by}: ${dropped.reason}` },
  ];
  return events.filter((event) => event !== null).sort((a, b) => a.at - b.at);
}

function readerOf({ reader }: UploadRecord): string | null {
  return reader === null ? null : `read by ${reader}`;
}

function nextStep(upload: UploadRecord, ahead: number | null): string {
  const { state, attempts, uploadId } = upload;
  if (ahead !== null) {
    const before = ahead === 0 ? 'it is the next of its system' : `${ahead} uploads of its system come first`;
    const tries =
      attempts === 0 ? '' : `; a reader had it ${attempts} times and did not come back with its rows`;
    return `it waits to be ingested: ${before}${tries}`;
  }
  switch (state) {
    case 'pending':
      return 'it waits to be ingested';
    case 'committed':
      return 'its memories are found; its receipt is written next';
    case 'receipted':
      return 'its receipt stands; its inbox entry goes next';
    case 'done':
      return 'nothing is left to do; its files are kept for some days after the receipt';
    case 'raw_gone':
      return upload.committedAt === null
        ? 'nothing: it could not be read, and its files were deleted some days after its receipt'
        : 'nothing is left to do; its files were deleted, and its memories are kept';
    case 'quarantined':
      return `it waits for a person: \`akosha quarantine retry ${uploadId}\`, or \`akosha quarantine drop ${uploadId}\``;
    case 'dropped':
      return 'nothing: a person gave it up';
  }
}

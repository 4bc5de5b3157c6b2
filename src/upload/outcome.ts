import { NO_ROWS, type RowCounts } from '../contract/index.js';
import { rowsIn } from './contents.js';
import type { Outbox } from './outbox/outbox.js';
import type { UploadRow, UploadState } from './outbox/row-shapes.js';

/** What became of a request so far. */
export interface RequestOutcome {
  state: UploadState;
  /** Of the upload that has the rows; null before a snapshot is taken. */
  uploadId: string | null;
  /** By which it was delivered; null where it was not. */
  method: string | null;
  /** Names of the files in that upload; none where nothing had to be sent. */
  filesUploaded: string[];
  bytesTransferred: number;
  /** Rows that were not sent, because an earlier upload brought them as they are. */
  unchangedRows: number;
  lastError: string | null;
}

const NOTHING_YET: RequestOutcome = {
  state: 'requested',
  uploadId: null,
  method: null,
  filesUploaded: [],
  bytesTransferred: 0,
  unchangedRows: 0,
  lastError: null,
};

/** Looks a request up; undefined where it is so long ago that nothing is known of it. */
export function outcomeOf({ rows }: Outbox, requestId: number): RequestOutcome | undefined {
  const request = rows.request(requestId);
  if (request === undefined) return undefined;
  const upload = request.uploadId === null ? undefined : rows.standingFor(request.uploadId);
  if (upload === undefined || upload.state === 'requested') {
    return { ...NOTHING_YET, lastError: upload?.lastError ?? null };
  }
  return outcomeIn(upload, holderOf(rows, upload));
}

/** The upload that has the rows; undefined where that is so long ago that nothing is known of it. */
export function holderOf(rows: Outbox['rows'], upload: UploadRow): UploadRow | undefined {
  return upload.state === 'unchanged' ? rows.upload(upload.answeredBy ?? '') : upload;
}

/** What became of a snapshot. */
export function outcomeIn(upload: UploadRow, holder: UploadRow | undefined): RequestOutcome {
  const { state, lastError } = upload;
  const databases = holder?.contents?.databases ?? [];
  const sent = state === 'unchanged' ? [] : databases.filter(({ uploadId }) => uploadId === upload.uploadId);
  const left = databases.filter((database) => !sent.includes(database));
  return {
    state,
    uploadId: state === 'unchanged' ? upload.answeredBy : upload.uploadId,
    method: holder?.method ?? null,
    filesUploaded: sent.map(({ name }) => name),
    bytesTransferred: upload.bytesSent,
    unchangedRows: sum(Object.values(rowsIn({ databases: left }))),
    lastError,
  };
}

/** Whether nothing more will become of it by itself. */
export function hasEnded({ state }: RequestOutcome): boolean {
  return state !== 'requested' && state !== 'prepared';
}

/** What an ingest made of an upload, together with the rows that were not sent. */
export function withUnsent(counts: RowCounts | undefined, { unchangedRows }: RequestOutcome): RowCounts {
  const { unchanged, ...others } = counts ?? NO_ROWS;
  return { ...others, unchanged: unchanged + unchangedRows };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

import { z } from 'zod';
import type { ErrorType } from '../../contract/index.js';
import { backoffMs, LONGEST_WAIT_MS } from './backoff.js';
import type { OutboxConnection } from './connection.js';
import type { UploadContents } from './contents.js';
import { INSERT_REQUEST, requestParameters, type NewRequest } from './request-row.js';
import {
  RequestRowSchema,
  UploadRowSchema,
  type RequestRow,
  type UploadRow,
  type UploadState,
} from './row-shapes.js';

/** A person looks at the last days; a hundred rows take as many kilobytes. */
const HISTORY = 100;

export interface PreparedFacts {
  order: number;
  files: number;
  bytes: number;
  contents: UploadContents;
}

/** What is asked for, what waits, and what became of the rest: the rows of the outbox. */
export class OutboxRows {
  constructor(
    readonly connection: OutboxConnection,
    readonly now: () => number,
  ) {}

  addRequest(request: NewRequest): number {
    return this.connection.insert(INSERT_REQUEST, requestParameters(request, this.now()));
  }

  request(requestId: number): RequestRow | undefined {
    return this.connection.get(RequestRowSchema, 'SELECT * FROM requests WHERE request_id = $requestId', {
      requestId,
    });
  }

  /** Requests that no snapshot has taken up, oldest first. */
  openRequests(): RequestRow[] {
    return this.connection.all(
      RequestRowSchema,
      'SELECT * FROM requests WHERE upload_id IS NULL ORDER BY request_id',
    );
  }

  /** Those that an upload answers, oldest first. */
  requestsOf(uploadId: string): RequestRow[] {
    return this.connection.all(
      RequestRowSchema,
      'SELECT * FROM requests WHERE upload_id = $uploadId ORDER BY request_id',
      { uploadId },
    );
  }

  upload(uploadId: string): UploadRow | undefined {
    return this.connection.get(UploadRowSchema, 'SELECT * FROM uploads WHERE upload_id = $uploadId', {
      uploadId,
    });
  }

  /** The upload that a dropped one's rows are in now; of any other, itself. */
  standingFor(uploadId: string): UploadRow | undefined {
    const row = this.upload(uploadId);
    return row?.state === 'superseded' && row.answeredBy !== null ? this.standingFor(row.answeredBy) : row;
  }

  /** In the order in which they go out; those without a number yet last. */
  uploadsIn(...states: readonly UploadState[]): UploadRow[] {
    const names = states.map((state) => `'${state}'`).join(', ');
    return this.connection.all(
      UploadRowSchema,
      `SELECT * FROM uploads WHERE state IN (${names}) ORDER BY host_order IS NULL, host_order, created_at`,
    );
  }

  /** What is tried next. Snapshots that wait go out in their order, so the first of them counts for all. */
  next(): UploadRow | undefined {
    const candidates = [...this.uploadsIn('requested'), ...this.uploadsIn('prepared').slice(0, 1)];
    return candidates.sort((a, b) => a.nextTryAt - b.nextTryAt)[0];
  }

  /** The last that came to such an end. */
  lastEnded(...states: readonly UploadState[]): UploadRow | undefined {
    const names = states.map((state) => `'${state}'`).join(', ');
    return this.connection.get(
      UploadRowSchema,
      `SELECT * FROM uploads WHERE state IN (${names}) ORDER BY ended_at DESC, host_order DESC LIMIT 1`,
    );
  }

  /** The upload of the greatest order that was delivered or is to be: what the object store will hold of this system. */
  newest(systemId: string): UploadRow | undefined {
    return this.connection.get(
      UploadRowSchema,
      `SELECT * FROM uploads WHERE system_id = $systemId AND state IN ('prepared', 'delivered')
       ORDER BY host_order DESC LIMIT 1`,
      { systemId },
    );
  }

  /** The greatest order of an upload that was given up after something of it was sent; null where there is none. */
  lastAbandonedOrder(systemId: string): number | null {
    const { last } = this.connection.get(
      z.object({ last: z.number().nullable() }),
      `SELECT max(host_order) AS last FROM uploads
       WHERE system_id = $systemId AND begun = 1 AND state IN ('cancelled', 'failed', 'superseded')`,
      { systemId },
    ) ?? { last: null };
    return last;
  }

  /**
   * Begins a snapshot: it answers every request made so far, also those of a snapshot that did not come about. An upload that is known
   * is returned as it is, and takes up what is new only where its snapshot has not been taken.
   */
  begin(uploadId: string, systemId: string): UploadRow {
    return this.connection.transaction(() => {
      this.#make(uploadId, systemId);
      if (this.#known(uploadId).state === 'requested') this.#claim(uploadId);
      return this.#known(uploadId);
    });
  }

  /** Everything asked for so far is this upload's, also what was another snapshot's that did not come about. */
  #claim(uploadId: string): void {
    const given = `(SELECT upload_id FROM uploads WHERE state = 'requested' AND upload_id <> $uploadId)`;
    this.connection.run(
      `UPDATE uploads SET attempts = max(attempts, (SELECT coalesce(max(attempts), 0) FROM uploads WHERE state = 'requested'))
       WHERE upload_id = $uploadId`,
      { uploadId },
    );
    this.connection.run(
      `UPDATE requests SET upload_id = $uploadId WHERE upload_id IS NULL OR upload_id IN ${given}`,
      { uploadId },
    );
    this.connection.run(`DELETE FROM uploads WHERE upload_id IN ${given}`, { uploadId });
  }

  #make(uploadId: string, systemId: string): void {
    this.connection.run(
      `INSERT INTO uploads (upload_id, system_id, state, created_at)
       VALUES ($uploadId, $systemId, 'requested', $now) ON CONFLICT DO NOTHING`,
      { uploadId, systemId, now: this.now() },
    );
  }

  /** The snapshot is taken, and waits for delivery. */
  prepared(uploadId: string, { order, files, bytes, contents }: PreparedFacts): void {
    this.connection.run(
      `UPDATE uploads SET state = 'prepared', host_order = $order, files = $files, bytes = $bytes, contents = $contents,
         attempts = 0, next_try_at = 0, last_error = NULL WHERE upload_id = $uploadId`,
      { uploadId, order, files, bytes, contents: JSON.stringify(contents) },
    );
  }

  /** A new snapshot is to be taken under this id. */
  requestAgain(uploadId: string): void {
    this.connection.run(
      `UPDATE uploads SET state = 'requested', host_order = NULL, ended_at = NULL, error_type = NULL, notice = NULL WHERE upload_id = $uploadId`,
      { uploadId },
    );
  }

  /** Takes in an upload whose files are all that is known of it: the database was lost, or a crash came in between. */
  adopt(uploadId: string, systemId: string, facts: PreparedFacts): void {
    this.connection.transaction(() => {
      this.#make(uploadId, systemId);
      this.prepared(uploadId, facts);
    });
  }

  /** Something of it was sent: from now on it is finished before any newer one. */
  begun(uploadId: string): void {
    this.connection.run('UPDATE uploads SET begun = 1 WHERE upload_id = $uploadId AND begun = 0', {
      uploadId,
    });
  }

  /** An attempt at its snapshot or its delivery failed. Returns how long to wait, in milliseconds. */
  tryFailed(uploadId: string, error: string, options: { permanent: boolean }): number {
    const row = this.#known(uploadId);
    const wait = backoffMs(row.attempts + 1, options);
    this.connection.run(
      `UPDATE uploads SET attempts = attempts + 1, next_try_at = $nextTryAt, last_error = $error
       WHERE upload_id = $uploadId`,
      { uploadId, error, nextTryAt: this.now() + wait },
    );
    return wait;
  }

  /** The manifest stands, or the server has acknowledged it. */
  acknowledged(uploadId: string, method: string, bytesSent: number): void {
    this.connection.run(
      `UPDATE uploads SET method = $method, bytes_sent = bytes_sent + $bytesSent, last_error = NULL
       WHERE upload_id = $uploadId`,
      { uploadId, method, bytesSent },
    );
  }

  delivered(uploadId: string): void {
    this.#end(uploadId, 'delivered');
  }

  /** Its snapshot holds the rows of another upload: `unchanged` where that is ingested, `superseded` where it waits. */
  answeredBy(uploadId: string, state: 'unchanged' | 'superseded', other: string): void {
    this.connection.transaction(() => {
      this.connection.run('UPDATE uploads SET answered_by = $other WHERE upload_id = $uploadId', {
        uploadId,
        other,
      });
      // Whoever waits for a dropped one waits for the one that has its rows.
      if (state === 'superseded') {
        this.connection.run('UPDATE requests SET upload_id = $other WHERE upload_id = $uploadId', {
          uploadId,
          other,
        });
      }
      this.#end(uploadId, state);
    });
  }

  failed(uploadId: string, type: ErrorType, error: string): void {
    this.connection.run(
      'UPDATE uploads SET last_error = $error, error_type = $type WHERE upload_id = $uploadId',
      { uploadId, error, type },
    );
    this.#end(uploadId, 'failed');
  }

  /** It can never be delivered: its id is taken by other content, or its files are lost. Those who asked get another snapshot. */
  replaced(uploadId: string, error: string): void {
    this.connection.transaction(() => {
      this.connection.run('UPDATE requests SET upload_id = NULL WHERE upload_id = $uploadId', { uploadId });
      this.failed(uploadId, 'UploadReplaced', error);
      // Who asked is told of the other.
      this.connection.run('UPDATE uploads SET notice = NULL WHERE upload_id = $uploadId', { uploadId });
    });
  }

  /** Ends an upload by somebody's wish, together with the requests that wait for no snapshot yet. */
  cancelled(uploadId: string, systemId: string): void {
    this.connection.transaction(() => {
      this.#make(uploadId, systemId);
      this.#claim(uploadId);
      this.#end(uploadId, 'cancelled');
    });
  }

  receiptSays(uploadId: string, status: string): void {
    this.connection.run('UPDATE uploads SET receipt = $status WHERE upload_id = $uploadId', {
      uploadId,
      status,
    });
  }

  /** Brings waits that a clock set back has made too long back to the longest there is. */
  capWaits(): void {
    const longest = this.now() + LONGEST_WAIT_MS;
    this.connection.run('UPDATE uploads SET next_try_at = $longest WHERE next_try_at > $longest', {
      longest,
    });
  }

  /** Forgets all but the last uploads that are over, with their requests. */
  prune(): void {
    // The last that was delivered stays, however long ago: the next snapshot is compared with it.
    const old = `(SELECT upload_id FROM uploads AS old WHERE ended_at IS NOT NULL AND NOT (state = 'delivered' AND
        host_order = (SELECT max(host_order) FROM uploads WHERE state = 'delivered' AND system_id = old.system_id))
      ORDER BY ended_at DESC, host_order DESC LIMIT -1 OFFSET ${HISTORY})`;
    this.connection.transaction(() => {
      this.connection.run(`DELETE FROM requests WHERE upload_id IN ${old}`);
      this.connection.run(`DELETE FROM uploads WHERE upload_id IN ${old}`);
      this.connection.run(
        'DELETE FROM server_uploads WHERE upload_id NOT IN (SELECT upload_id FROM uploads)',
      );
    });
  }

  /** Of a dropped upload nobody is told: the one that has its rows has its own end. */
  #end(uploadId: string, state: UploadState): void {
    const notice = state === 'superseded' ? null : 'due';
    this.connection.run(
      `UPDATE uploads SET state = $state, ended_at = $now, next_try_at = 0,
         notice = $notice, notice_attempts = 0, notice_next_at = 0 WHERE upload_id = $uploadId`,
      { uploadId, state, notice, now: this.now() },
    );
  }

  #known(uploadId: string): UploadRow {
    const row = this.upload(uploadId);
    if (row === undefined) throw new Error(`upload ${uploadId} is not in the outbox`);
    return row;
  }
}

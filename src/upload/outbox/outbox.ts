import type { UploadLog } from '../options.js';
import { OutboxConnection } from './connection.js';
import { OutboxFiles } from './files.js';
import { NoticeRows } from './notice-rows.js';
import { OutboxRows } from './rows.js';
import { SequenceRows } from './sequence-rows.js';
import { ServerUploadRows } from './server-upload-rows.js';

export interface OutboxOptions {
  dataDir: string;
  log?: UploadLog | undefined;
  /** Milliseconds since 1970 by the host's clock, which says when a try is due; only tests give another. */
  now?: () => number;
  /** Read all of it first, for damage. By default it is. */
  check?: boolean;
}

/**
 * The host's durable queue: what was asked for, the snapshots that wait for delivery, and what became of the last ones. Rows in
 * `<dataDir>/agent/outbox.db`, files in `<dataDir>/agent/outbox/`. Several processes of the host may have it open.
 */
export class Outbox {
  readonly rows: OutboxRows;
  readonly files: OutboxFiles;
  readonly sequence: SequenceRows;
  readonly notices: NoticeRows;
  readonly serverUploads: ServerUploadRows;
  readonly #connection: OutboxConnection;

  constructor({ dataDir, log, now = Date.now, check = true }: OutboxOptions) {
    this.#connection = new OutboxConnection(dataDir, { check });
    this.rows = new OutboxRows(this.#connection, now);
    this.files = new OutboxFiles(dataDir, log);
    this.sequence = new SequenceRows(this.#connection);
    this.notices = new NoticeRows(this.#connection, now);
    this.serverUploads = new ServerUploadRows(this.#connection);
  }

  /** All of `work`'s changes to rows, or none. */
  transaction<T>(work: () => T): T {
    return this.#connection.transaction(work);
  }

  close(): void {
    this.#connection.close();
  }
}

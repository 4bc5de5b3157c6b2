import type { RowCounts } from '../../contract/index.js';
import type { UploadOptions } from '../options.js';
import type { QueuedUpload } from '../outbox/files.js';

/** What an upload's delivery came to. */
export interface Delivery {
  /** Names of the upload's files, all of which now stand at their destination. */
  filesUploaded: string[];
  /** Sent by this call; files that an earlier one had sent do not count. */
  bytesTransferred: number;
}

/** What became of an upload at a server that keeps it under ids of its own. `unknown`: it does not say, and will not. */
export type ServerAnswer =
  | { status: 'ingested' | 'quarantined'; rows: RowCounts; reason: string | null }
  | { status: 'pending' }
  | { status: 'unknown'; reason: string };

/** One way for a prepared upload to reach the server's object storage. */
export interface SyncMethod {
  readonly name: string;
  /** Whether it can be tried now; answers within 1 s. */
  availability(signal?: AbortSignal): Promise<{ available: true } | { available: false; reason: string }>;
  /** Carries a prepared upload until it is acknowledged; a repeated call resumes. One try: retries are the hybrid's. */
  deliver(upload: QueuedUpload, options: UploadOptions): Promise<Delivery>;
  /**
   * Whether the server has ingested every memory of an upload. Of a method that hands uploads to a server, as the next. Raises
   * `ServerUnavailable` and `Cancelled`.
   */
  hasIngested?: ((uploadId: string, signal?: AbortSignal) => Promise<boolean>) | undefined;
  /**
   * Of a method that hands uploads to a server; absent where their receipts lie in the object store. What is returned looks once, and
   * raises `ServerUnavailable` and `Cancelled`.
   */
  askAfter?: ((uploadId: string) => (signal?: AbortSignal) => Promise<ServerAnswer>) | undefined;
}

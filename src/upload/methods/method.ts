import type { UploadOptions } from '../options.js';
import type { QueuedUpload } from '../outbox/files.js';

/** What an upload's delivery came to. */
export interface Delivery {
  /** Names of the upload's files, all of which now stand at their destination. */
  filesUploaded: string[];
  /** Sent by this call; files that an earlier one had sent do not count. */
  bytesTransferred: number;
}

/** One way for a prepared upload to reach the server's object storage. */
export interface SyncMethod {
  readonly name: string;
  /** Whether it can be tried now; answers within 1 s. */
  availability(signal?: AbortSignal): Promise<{ available: true } | { available: false; reason: string }>;
  /** Carries a prepared upload until it is acknowledged; a repeated call resumes. One try: retries are the hybrid's. */
  deliver(upload: QueuedUpload, options: UploadOptions): Promise<Delivery>;
}

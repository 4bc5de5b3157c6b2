import { join } from 'node:path';
import { AkoshaError } from '../contract/index.js';

/** Where a host's side reports what it passes over. A pino logger fits. */
export interface UploadLog {
  warn(details: Record<string, unknown>, message: string): void;
}

/** Called as work proceeds, at least once per file. */
export interface UploadProgress {
  /** `snapshot`, then what the method does: `files`, `manifest`, `inbox`, … */
  step: string;
  /** Null while no method is at work. */
  method: string | null;
  /** The file being worked on, if one is. */
  file: string | null;
  /** Files finished. */
  done: number;
  total: number;
  /** Stored bytes of all files together: those that stand at their destination, and all. 0 before they are known. */
  bytes: number;
  totalBytes: number;
}

export interface UploadOptions {
  signal?: AbortSignal | undefined;
  onProgress?: ((progress: UploadProgress) => void) | undefined;
}

/** What a host's side keeps to itself lies below it: the outbox, its database, locks. */
export function agentFolder(dataDir: string): string {
  return join(dataDir, 'agent');
}

/** The form in which the object store takes a signal that may be missing. */
export function withSignal(signal: AbortSignal | undefined): { signal?: AbortSignal } {
  return signal === undefined ? {} : { signal };
}

export function throwIfCancelled(signal: AbortSignal | undefined, what: string): void {
  if (signal?.aborted === true) {
    throw new AkoshaError('Cancelled', `${what}: cancelled`, { cause: signal.reason });
  }
}

/** An upload id is a folder's name here and part of a key there. Raises `BadRequest`. */
export function assertUploadId(uploadId: string): void {
  if (!/^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,127}$/.test(uploadId)) {
    throw new AkoshaError(
      'BadRequest',
      `upload id ${JSON.stringify(uploadId)} must be 1 to 128 letters, digits, "_", "." or "-", not beginning with "."`,
    );
  }
}

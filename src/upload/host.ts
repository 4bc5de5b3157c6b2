import { join } from 'node:path';
import { AkoshaError } from '../contract/index.js';
import type { ObjectStore } from '../objects/index.js';
import type { ReaderPool } from '../reader/index.js';

/** Where a host's side reports what it passes over. A pino logger fits. */
export interface UploadLog {
  warn(details: Record<string, unknown>, message: string): void;
}

/** One agent host: what it uploads, where to, and with what. */
export interface HostContext {
  systemId: string;
  /** The queue and the order numbers live in `<dataDir>/agent/`. */
  dataDir: string;
  /** Paths of the host's DuckDB files; one that does not exist is no error (`AKOSHA_DATABASES`). */
  databases: readonly string[];
  uploads: ObjectStore;
  reader: ReaderPool;
  /** IANA zone of the timestamps in the databases. */
  timeZone: string;
  /** Milliseconds since 1970. */
  now(): number;
  log?: UploadLog;
}

/** Called as work proceeds, at least once per file. */
export interface UploadProgress {
  step: 'snapshot' | 'files';
  /** Files finished. */
  done: number;
  total: number;
  /** Bytes of the current file sent so far. */
  bytes: number;
}

export interface UploadOptions {
  signal?: AbortSignal | undefined;
  onProgress?: ((progress: UploadProgress) => void) | undefined;
}

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

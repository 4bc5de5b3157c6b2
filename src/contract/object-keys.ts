import type { UploadRef } from './memory.js';

/**
 * Keys in object storage. The first three prefixes are written by hosts, the rest by the server.
 * The layout `systems/<system_id>/uploads/<upload_id>/` is the original Session-Buddy's. Where hosts of its kind wrote, the folders
 * have names of theirs that may be no ids: there keys are made of an upload's place (`UploadRecord.place`), not of its ids.
 */
export const SYSTEMS_PREFIX = 'systems/';
export const INBOX_PREFIX = 'inbox/';
export const JOURNAL_PREFIX = 'journal/';
export const COLD_PREFIX = 'cold/';
/** What is forgotten, and must not come back: the authority, also for a rebuild. */
export const TOMBSTONES_PREFIX = 'tombstones/';
/** Receipts of what was forgotten, also of what was lifted since. */
export const FORGETS_PREFIX = 'forgets/';

/** What became older than memories are kept: the authority, also for a rebuild. */
export const EXPIRIES_PREFIX = 'retention/expired/';
/** Put to learn the time by the object store's clock. */
export const RETENTION_CLOCK = 'retention/clock';

export const BACKUP_PREFIX = 'backup/';
/** Names the backup that counts; put after it. */
export const BACKUP_POINTER = `${BACKUP_PREFIX}latest.json`;

export const MANIFEST_NAME = 'manifest.json';
export const RECEIPT_NAME = 'receipt.json';

export function systemPrefix(systemId: string): string {
  return `${SYSTEMS_PREFIX}${systemId}/uploads/`;
}

export function uploadPrefix({ systemId, uploadId }: UploadRef): string {
  return `${systemPrefix(systemId)}${uploadId}/`;
}

export function manifestKey(ref: UploadRef): string {
  return uploadPrefix(ref) + MANIFEST_NAME;
}

/** The folders of the upload whose manifest this key is; undefined for any other key. They may be no ids. */
export function parseManifestKey(key: string): UploadRef | undefined {
  return parseUploadKey(key, MANIFEST_NAME);
}

function parseUploadKey(key: string, of: string): UploadRef | undefined {
  const [prefix, systemId, uploads, uploadId, name, ...rest] = key.split('/');
  if (`${prefix}/` !== SYSTEMS_PREFIX || uploads !== 'uploads' || name !== of) return undefined;
  return systemId !== undefined && uploadId !== undefined && rest.length === 0
    ? { systemId, uploadId }
    : undefined;
}

export function tombstoneKey(scopeId: string): string {
  return `${TOMBSTONES_PREFIX}${scopeId}.json`;
}

/** `requestedAt` in milliseconds since 1970: a scope may be forgotten, lifted and forgotten again. */
export function forgetReceiptKey(scopeId: string, requestedAt: number): string {
  return `${FORGETS_PREFIX}${scopeId}/${new Date(requestedAt).toISOString().replaceAll(':', '')}.json`;
}

/** Its id ends with an id of the store, below which are those of the rows that it is about. */
export function expiryKey(expiryId: string): string {
  return `${EXPIRIES_PREFIX}${expiryId}.json`;
}

/** Beside a system's uploads, where its host may look: that all of it is forgotten. */
export function forgottenSystemKey(systemId: string): string {
  return `${SYSTEMS_PREFIX}${systemId}/forgotten.json`;
}

export function receiptKey(ref: UploadRef): string {
  return uploadPrefix(ref) + RECEIPT_NAME;
}

/** The upload id first, so that a listing of the inbox is in order of upload, not of host. */
export function inboxKey({ systemId, uploadId }: UploadRef): string {
  return `${INBOX_PREFIX}${uploadId}@${systemId}`;
}

/** Undefined for what names no upload; dots alone are a path. */
export function parseInboxKey(key: string): UploadRef | undefined {
  const match = /^inbox\/(?!\.{1,2}@)([A-Za-z0-9_.-]+)@([A-Za-z0-9_-]+)$/.exec(key);
  return match?.[1] !== undefined && match[2] !== undefined
    ? { uploadId: match[1], systemId: match[2] }
    : undefined;
}

/**
 * The operation's id is in the name, so that two attempts at one upload never write the same object: the sweep of
 * the first could otherwise delete what the second placed.
 */
export function journalKey(ref: UploadRef, opId: number, sha256: string): string {
  return `${JOURNAL_PREFIX}system=${ref.systemId}/${ref.uploadId}-${opId}-${sha256.slice(0, 16)}.parquet`;
}

export interface ColdPartition {
  systemId: string;
  /** Of the rows' own time, UTC. */
  year: number;
  month: number;
}

export function coldKey(partition: ColdPartition, batchId: number, opId: number, sha256: string): string {
  const month = String(partition.month).padStart(2, '0');
  const name = `${batchId}-${opId}-${sha256.slice(0, 16)}.parquet`;
  return `${COLD_PREFIX}system=${partition.systemId}/year=${partition.year}/month=${month}/${name}`;
}

/** The name of an object that takes the place of another one: it keeps what the other says of where its rows came from. */
export function rewrittenKey(source: string, opId: number, sha256: string): string {
  return source.replace(/-\d+-[0-9a-f]{16}\.parquet$/, `-${opId}-${sha256.slice(0, 16)}.parquet`);
}

/** The greatest id of the store of which the key of an expiry tells; undefined for any other key. */
export function idOfExpiry(key: string): number | undefined {
  const match = /^retention\/expired\/.*-(\d+)\.json$/.exec(key);
  return match?.[1] === undefined ? undefined : Number(match[1]);
}

/** The operation id in the name of a journal or cold object, or undefined for a name of another shape. */
export function operationOfObject(key: string): number | undefined {
  const match = /^(?:journal|cold)\/.*-(\d+)-[0-9a-f]{16}\.parquet$/.exec(key);
  return match?.[1] === undefined ? undefined : Number(match[1]);
}

/** Whose rows a journal or cold object has; raises nothing, and is empty for a name of another shape. */
export function systemOfObject(key: string): string {
  return /^(?:journal|cold)\/system=([^/]+)\//.exec(key)?.[1] ?? '';
}

/** The upload whose ingest wrote a journal object; undefined for a name of another shape. */
export function uploadOfJournal(key: string): UploadRef | undefined {
  const match = /^journal\/system=([^/]+)\/([^/]+)-\d+-[0-9a-f]{16}\.parquet$/.exec(key);
  return match?.[1] !== undefined && match[2] !== undefined
    ? { systemId: match[1], uploadId: match[2] }
    : undefined;
}

/** The first 16 hex digits of the SHA-256 that a journal or cold object has by its name; undefined for a name of another shape. */
export function hashInName(key: string): string | undefined {
  return /-([0-9a-f]{16})\.parquet$/.exec(key)?.[1];
}

/** The folders of the upload whose receipt this key is; undefined for any other key. They may be no ids. */
export function parseReceiptKey(key: string): UploadRef | undefined {
  return parseUploadKey(key, RECEIPT_NAME);
}

/** Backups, in the order in which they were taken; `takenAt` in milliseconds since 1970. The hash tells a whole one from another. */
export function backupKey(takenAt: number, sha256: string): string {
  return `${BACKUP_PREFIX}store-${String(takenAt).padStart(15, '0')}-${sha256.slice(0, 16)}.jsonl.gz`;
}

/** When a backup was taken, and the hash in its name; undefined for a key of another shape. */
export function parseBackupKey(key: string): { takenAt: number; hash: string } | undefined {
  const match = /^backup\/store-(\d{15})-([0-9a-f]{16})\.jsonl\.gz$/.exec(key);
  return match?.[1] !== undefined && match[2] !== undefined
    ? { takenAt: Number(match[1]), hash: match[2] }
    : undefined;
}

import type { z } from 'zod';
import { AkoshaError, messageOf, withoutValues, type Kind, type UploadRef } from '../contract/index.js';
import {
  AkoshaManifest,
  ConsumerManifest,
  SessionBuddyManifest,
  type AkoshaManifestJson,
} from './manifest-shapes.js';
import { MEMORIES_FILE } from './memories-file.js';
import { originalUploadOrder } from './order.js';
import { escapeSystemId, escapeUploadId, isSystemId, unescapeSystemId } from './system-name.js';

/** A manifest is small; a larger object under its name is an attack or a mistake. */
export const MAX_MANIFEST_BYTES = 1_048_576;

/** A file of an upload, as its manifest describes it. Null: the manifest does not say. */
export interface UploadedFile {
  name: string;
  /** Of the object as stored, that is, after compression. */
  storedBytes: number | null;
  storedSha256: string | null;
  rawBytes: number | null;
  rawSha256: string | null;
  /** Rows the host counted in its snapshot. */
  rows: Readonly<Partial<Record<Kind, number>>> | null;
  /** What read the database on the host, with its version: `duckdb-python 2.0.0`. */
  reader: string | null;
  /** `FileFlag`s, and what a later version may add. */
  flags: readonly string[];
  /** Rows that the host's settings kept back. */
  excluded: Readonly<Partial<Record<Kind, number>>>;
  /** SHA-256 over the file's memories and their content hashes: equal where no row changed, whatever the bytes are. */
  rowsDigest: string | null;
}

/**
 * What sets a file of an upload apart.
 * - `unread`: the database as it is, which nothing on the host could read; `rows` says nothing.
 * - `log_not_replayed`: a database whose log could not be replayed; `rows` counts it without what stands in the log.
 * - `log`: not a database but the log of one: that of the file whose name it begins with.
 */
export const FILE_FLAGS = ['unread', 'log_not_replayed', 'log'] as const;
export type FileFlag = (typeof FILE_FLAGS)[number];

export interface OmittedDatabase {
  name: string;
  reason: string;
  /** What it held when it could last be read; null: not known, so it may hold any. */
  kinds: readonly Kind[] | null;
}

/** A database of the host whose rows are those that an earlier upload brought, so that this one leaves it out. */
export interface UnchangedDatabase {
  name: string;
  /** The upload that has the file. */
  uploadId: string;
  rows: Readonly<Partial<Record<Kind, number>>>;
  rowsDigest: string;
}

/** An upload's manifest, whichever dialect it was written in. */
export interface Manifest extends UploadRef {
  /** `original-akosha`: what the original server wanted, beside a `memories.json`. */
  dialect: 'akosha' | 'session-buddy' | 'original-akosha';
  /** What the host calls itself. The id is made of it. */
  systemName: string;
  /** When the host made its snapshot, by the host's clock: milliseconds since 1970. */
  createdAt: number;
  order: number;
  /**
   * The order of the host's upload before this one; null for its first, undefined where the dialect does not
   * say.
   */
  previousOrder: number | null | undefined;
  /** IANA zone of the writer's timestamps; null: unknown. */
  timeZone: string | null;
  /**
   * Holds some memories and not the host's databases whole, as what came over HTTP does: what is not in it is not absent, and more of
   * its order may follow.
   */
  partial: boolean;
  files: readonly UploadedFile[];
  unchanged: readonly UnchangedDatabase[];
  omitted: readonly OmittedDatabase[];
  uploader: string;
  /** W3C's, of the trace that the upload belongs to; null: none. */
  traceparent: string | null;
}

/**
 * Reads a manifest found in the folders that `place` names, which are names as hosts write them: what it returns are ids. Raises
 * `UploadUnreadable`, naming the field and the rule, for JSON of any other shape, and for a manifest that
 * names another upload than the folder it lies in.
 */
export function parseManifest(place: UploadRef, bytes: Buffer): Manifest {
  const json = parseJson(place, bytes);
  const has = (key: string): boolean => typeof json === 'object' && json !== null && Object.hasOwn(json, key);
  if (has('format_version')) return fromAkosha(place, json);
  return has('uploaded_at') ? fromConsumer(place, json) : fromSessionBuddy(place, json);
}

/** Our agents make the id of their name before they write it anywhere; see `idsOfPlace`. */
function fromAkosha(place: UploadRef, json: unknown): Manifest {
  const manifest = check(place, AkoshaManifest, json);
  requirePlace(place, manifest);
  return {
    dialect: 'akosha',
    ...idsOfPlace(place),
    createdAt: Date.parse(manifest.timestamp),
    order: manifest.order,
    previousOrder: manifest.previous_order,
    timeZone: manifest.time_zone,
    partial: manifest.partial === true,
    files: manifest.files.map((file) => ({
      name: file.name,
      storedBytes: file.size_bytes,
      storedSha256: file.checksum,
      rawBytes: file.raw_size_bytes,
      rawSha256: file.raw_checksum,
      rows: file.rows,
      reader: file.reader ?? null,
      flags: file.flags ?? [],
      excluded: file.excluded ?? {},
      rowsDigest: file.rows_digest ?? null,
    })),
    unchanged: (manifest.unchanged ?? []).map((database) => ({
      name: database.name,
      uploadId: database.upload_id,
      rows: database.rows,
      rowsDigest: database.rows_digest,
    })),
    omitted: manifest.omitted.map(({ name, reason, kinds }) => ({ name, reason, kinds: kinds ?? null })),
    uploader: manifest.metadata.uploader,
    traceparent: manifest.traceparent ?? null,
  };
}

/** What the original dialects do not say of a file. */
const UNTOLD: Omit<UploadedFile, 'name'> = {
  storedBytes: null,
  storedSha256: null,
  rawBytes: null,
  rawSha256: null,
  rows: null,
  reader: null,
  flags: [],
  excluded: {},
  rowsDigest: null,
};

/** Original hosts write their names as they are, dots and spaces included, also where a name looks like an id of ours. */
function fromSessionBuddy(place: UploadRef, json: unknown): Manifest {
  const manifest = check(place, SessionBuddyManifest, json);
  requirePlace(place, manifest);
  const order = originalUploadOrder(manifest.upload_id);
  if (order === undefined)
    throw unreadable(place, 'upload_id: must begin with a time such as 20261122_120850_');
  return {
    dialect: 'session-buddy',
    systemId: escapeSystemId(manifest.system_id),
    systemName: manifest.system_id,
    uploadId: escapeUploadId(manifest.upload_id),
    createdAt: Date.parse(manifest.timestamp),
    order,
    previousOrder: undefined,
    timeZone: null,
    partial: false,
    files: manifest.files.map((file) => ({
      ...UNTOLD,
      name: file.name,
      storedBytes: file.size_bytes === undefined || file.size_bytes === 0 ? null : file.size_bytes,
      storedSha256: file.checksum === undefined || file.checksum === '' ? null : file.checksum,
    })),
    unchanged: [],
    omitted: [],
    uploader: manifest.metadata?.uploader ?? 'session-buddy',
    traceparent: null,
  };
}

/** Its upload ids need hold no time: then the order is the time of the upload, at the least 1. */
function fromConsumer(place: UploadRef, json: unknown): Manifest {
  const { uploaded_at, files = [], ...manifest } = check(place, ConsumerManifest, json);
  const { system_id = place.systemId, upload_id = place.uploadId } = manifest;
  requirePlace(place, { system_id, upload_id });
  const createdAt = Date.parse(/(?:Z|[+-]\d\d:\d\d)$/.test(uploaded_at) ? uploaded_at : `${uploaded_at}Z`);
  return {
    dialect: 'original-akosha',
    systemId: escapeSystemId(system_id),
    systemName: system_id,
    uploadId: escapeUploadId(upload_id),
    createdAt,
    order: originalUploadOrder(upload_id) ?? Math.max(createdAt, 1),
    previousOrder: undefined,
    timeZone: null,
    partial: false,
    // The original read that file whatever was listed.
    files: (files.length === 0 ? [MEMORIES_FILE] : files).map((name) => ({ ...UNTOLD, name })),
    unchanged: [],
    omitted: [],
    uploader: 'unknown',
    traceparent: null,
  };
}

function requirePlace(place: UploadRef, manifest: { upload_id: string; system_id: string }): void {
  if (manifest.upload_id === place.uploadId && manifest.system_id === place.systemId) return;
  throw unreadable(place, `names upload ${manifest.upload_id} of system ${manifest.system_id}`);
}

/**
 * The ids of an upload of ours, and of one whose manifest does not say whose it is: a folder that can be an id is one, any other is a
 * name.
 */
export function idsOfPlace(place: UploadRef): UploadRef & { systemName: string } {
  const { systemId: folder } = place;
  const uploadId = escapeUploadId(place.uploadId);
  if (!isSystemId(folder)) return { systemId: escapeSystemId(folder), systemName: folder, uploadId };
  return { systemId: folder, systemName: unescapeSystemId(folder) ?? folder, uploadId };
}

/** The bytes of our own manifest. Takes the wire shape, so that writer and reader share one schema. */
export function serializeManifest(manifest: AkoshaManifestJson): string {
  return `${JSON.stringify(AkoshaManifest.parse(manifest), null, 2)}\n`;
}

function parseJson(ref: UploadRef, bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    throw unreadable(ref, `is not JSON (${withoutValues(messageOf(error))})`);
  }
}

function check<T>(ref: UploadRef, schema: z.ZodType<T>, json: unknown): T {
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  const faults = result.error.issues.map(
    (issue) => `${issue.path.join('.') || 'manifest'}: ${issue.message}`,
  );
  throw unreadable(ref, faults.join('; '));
}

function unreadable(ref: UploadRef, rule: string): AkoshaError {
  return new AkoshaError(
    'UploadUnreadable',
    `manifest of upload ${ref.uploadId} of system ${ref.systemId}: ${rule}`,
    { details: { systemId: ref.systemId, uploadId: ref.uploadId, rule } },
  );
}

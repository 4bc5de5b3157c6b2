import { createRequire } from 'node:module';
import { z } from 'zod';
import { uploadPrefix, type UploadRef } from '../contract/index.js';
import {
  MANIFEST_FORMAT_VERSION,
  serializeManifest,
  type AkoshaManifestJson,
  type FileFlag,
  type OmittedDatabase,
  type UnchangedDatabase,
} from '../memory/index.js';
import type { Snapshot } from '../reader/index.js';

const LOG_FLAG: FileFlag = 'log';

export interface NewUpload {
  ref: UploadRef;
  order: number;
  previousOrder: number | null;
  /** Milliseconds since 1970. */
  createdAt: number;
  timeZone: string;
  snapshots: readonly Snapshot[];
  unchanged: readonly UnchangedDatabase[];
  omitted: readonly OmittedDatabase[];
  /** Of the trace that it belongs to, where there is one. */
  traceparent?: string | undefined;
}

/** The manifest's text. Written once, into the outbox, and delivered from there byte for byte. */
export function writeManifest(upload: NewUpload): string {
  return serializeManifest({
    format_version: MANIFEST_FORMAT_VERSION,
    upload_id: upload.ref.uploadId,
    system_id: upload.ref.systemId,
    timestamp: new Date(upload.createdAt).toISOString(),
    order: upload.order,
    previous_order: upload.previousOrder,
    time_zone: upload.timeZone,
    files: upload.snapshots.flatMap((snapshot) => filesOf(upload.ref, snapshot)),
    unchanged: upload.unchanged.map((database) => ({
      name: database.name,
      upload_id: database.uploadId,
      rows: database.rows,
      rows_digest: database.rowsDigest,
    })),
    omitted: upload.omitted.map(({ name, reason, kinds }) => ({
      name,
      reason,
      ...(kinds === null ? {} : { kinds: [...kinds] }),
    })),
    ...(upload.traceparent === undefined ? {} : { traceparent: upload.traceparent }),
    metadata: { uploader: 'akosha', version: programVersion() },
  });
}

type FileEntry = AkoshaManifestJson['files'][number];

/** The database, and its logs where they could not be worked into it. */
function filesOf(ref: UploadRef, snapshot: Snapshot): FileEntry[] {
  const { rows, reader, flags, excluded, rowsDigest } = snapshot;
  const database = { rows, reader, flags, excluded, rows_digest: rowsDigest };
  return [
    { ...storedEntry(ref, snapshot), ...database },
    ...snapshot.logs.map((log) => ({
      ...storedEntry(ref, log),
      rows: {},
      flags: [...flags, LOG_FLAG],
    })),
  ];
}

function storedEntry(ref: UploadRef, file: Snapshot['logs'][number]) {
  return {
    name: file.name,
    path: uploadPrefix(ref) + file.name,
    size_bytes: file.storedBytes,
    compression: file.compression,
    checksum: file.storedSha256,
    raw_size_bytes: file.rawBytes,
    raw_checksum: file.rawSha256,
  };
}

function programVersion(): string {
  const packageJson: unknown = createRequire(import.meta.url)('../../package.json');
  return z.object({ version: z.string() }).parse(packageJson).version;
}

const Renumbered = z.looseObject({ previous_order: z.number().nullable() });

/** The same manifest with another predecessor: that of an upload whose predecessor was dropped. */
export function withPreviousOrder(manifest: Buffer, previousOrder: number | null): string {
  const json = Renumbered.parse(JSON.parse(manifest.toString('utf8')));
  return `${JSON.stringify({ ...json, previous_order: previousOrder }, null, 2)}\n`;
}

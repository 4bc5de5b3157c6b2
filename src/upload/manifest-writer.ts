import { createRequire } from 'node:module';
import { z } from 'zod';
import { uploadPrefix, type UploadRef } from '../contract/index.js';
import { MANIFEST_FORMAT_VERSION, serializeManifest, type OmittedDatabase } from '../memory/index.js';
import type { Snapshot } from '../reader/index.js';

export interface NewUpload {
  ref: UploadRef;
  order: number;
  previousOrder: number | null;
  /** Milliseconds since 1970. */
  createdAt: number;
  timeZone: string;
  snapshots: readonly Snapshot[];
  omitted: readonly OmittedDatabase[];
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
    files: upload.snapshots.map((file) => ({
      name: file.name,
      path: uploadPrefix(upload.ref) + file.name,
      size_bytes: file.storedBytes,
      compression: file.compression,
      checksum: file.storedSha256,
      raw_size_bytes: file.rawBytes,
      raw_checksum: file.rawSha256,
      rows: file.rows,
    })),
    omitted: [...upload.omitted],
    metadata: { uploader: 'akosha', version: programVersion() },
  });
}

function programVersion(): string {
  const packageJson: unknown = createRequire(import.meta.url)('../../package.json');
  return z.object({ version: z.string() }).parse(packageJson).version;
}

import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';
import path from 'node:path';
import { z } from 'zod';
import {
  AkoshaError,
  isAkoshaError,
  KINDS,
  manifestKey,
  uploadPrefix,
  type Kind,
} from '../contract/index.js';
import { failPoint } from '../faults/index.js';
import { MAX_MANIFEST_BYTES, parseManifest, type Manifest, type UploadedFile } from '../memory/index.js';
import type { ExportResult } from '../reader/index.js';
import type { IngestBatch, IngestedFile, UploadRecord } from '../store/index.js';
import type { IngestContext } from './context.js';

/** What read an upload, kept in its receipt: a newer reader may find what this one could not. */
const Package = z.object({ version: z.string() });
const READER = `duckdb-node-api ${Package.parse(createRequire(import.meta.url)('@duckdb/node-api/package.json')).version}`;

interface ReadFile {
  exported: string;
  result: ExportResult;
  file: UploadedFile;
}

/**
 * Fetches the files of an upload and makes one Parquet of their rows. Raises `UploadUnreadable` and
 * `DatabaseUnreadable` for what no retry can read; a manifest that is gone, or is not the one that was queued, is the former.
 */
export async function readUpload(
  context: IngestContext,
  record: UploadRecord,
  scratch: string,
  signal?: AbortSignal,
): Promise<IngestBatch> {
  const manifest = await readManifest(context, record);
  const asOf = context.clock();
  const files: ReadFile[] = [];
  for (const [index, file] of manifest.files.entries()) {
    files.push(await readFile(context, record, file, { scratch, index, signal }));
  }
  failPoint('ingest.after-export');
  const rowsFile = path.join(scratch, 'rows.parquet');
  if (files.length === 0) throw unreadable(record, 'lists no files');
  await context.reader.mergeExports(
    {
      inputs: files.map(({ exported, file }) => ({ path: exported, name: file.name })),
      scratch,
      output: rowsFile,
      timeZone: manifest.timeZone ?? 'UTC',
      uploadedAt: manifest.createdAt,
      asOf,
    },
    { signal },
  );
  return {
    upload: { systemId: record.systemId, uploadId: record.uploadId },
    rowsFile,
    covers: coveredKinds(files),
    files: files.map(toIngested),
    reader: READER,
    asOf,
  };
}

async function readManifest(context: IngestContext, record: UploadRecord): Promise<Manifest> {
  const bytes = await context.uploads
    .get(manifestKey(record), { maxBytes: MAX_MANIFEST_BYTES })
    .catch((error: unknown) => {
      // It stood when the upload was queued, and nobody writes it a second time.
      throw isAkoshaError(error, 'ObjectNotFound') ? unreadable(record, 'its manifest is missing') : error;
    });
  if (createHash('sha256').update(bytes).digest('hex') !== record.manifestSha256) {
    throw unreadable(record, 'its manifest is not the one that was queued: an upload id is never used twice');
  }
  return parseManifest(record, bytes);
}

async function readFile(
  context: IngestContext,
  record: UploadRecord,
  file: UploadedFile,
  { scratch, index, signal }: { scratch: string; index: number; signal: AbortSignal | undefined },
): Promise<ReadFile> {
  const stored = path.join(scratch, `${index}.stored`);
  const exported = path.join(scratch, `${index}.parquet`);
  const key = uploadPrefix(record) + file.name;
  await context.uploads
    .getFile(key, stored, signal === undefined ? {} : { signal })
    .catch((error: unknown) => {
      // The manifest is written last: a file that is missing now will be missing again.
      throw isAkoshaError(error, 'ObjectNotFound')
        ? unreadable(record, `file ${file.name} is missing`)
        : error;
    });
  failPoint('ingest.after-download');
  const result = await context.reader.exportDatabase({ stored, scratch, output: exported }, { signal });
  checkSums(record, file, result);
  return { exported, result, file };
}

/** Whatever the manifest says of a file has to be so; an original one says nothing. */
function checkSums(record: UploadRecord, file: UploadedFile, result: ExportResult): void {
  const claims = [
    ['stored bytes', file.storedBytes, result.storedBytes],
    ['SHA-256 of the stored bytes', file.storedSha256, result.storedSha256],
    ['raw bytes', file.rawBytes, result.rawBytes],
    ['SHA-256 of the raw bytes', file.rawSha256, result.rawSha256],
  ] as const;
  for (const [what, claimed, found] of claims) {
    if (claimed !== null && claimed !== found) {
      throw unreadable(record, `file ${file.name}: the manifest says ${what} ${claimed}, found ${found}`);
    }
  }
  for (const kind of KINDS) {
    const claimed = file.rows?.[kind];
    // The host counts every row of its tables, also those that say nothing.
    const found = (result.rows[kind] ?? 0) + (result.skipped[kind] ?? 0);
    if (claimed !== undefined && claimed !== found) {
      throw unreadable(
        record,
        `file ${file.name}: the manifest says ${claimed} ${kind} rows, found ${found}`,
      );
    }
  }
}

function coveredKinds(files: readonly ReadFile[]): Kind[] {
  return KINDS.filter((kind) => files.some(({ result }) => result.rows[kind] !== undefined));
}

function toIngested({ file, result }: ReadFile): IngestedFile {
  return { name: file.name, checksum: result.storedSha256, raw_checksum: result.rawSha256 };
}

function unreadable(record: UploadRecord, rule: string): AkoshaError {
  return new AkoshaError(
    'UploadUnreadable',
    `upload ${record.uploadId} of system ${record.systemId}: ${rule}`,
    {
      details: { systemId: record.systemId, uploadId: record.uploadId, rule },
    },
  );
}

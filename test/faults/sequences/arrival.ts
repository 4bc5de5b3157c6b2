import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { inboxKey, manifestKey, uploadPrefix, type UploadRef } from '../../../src/contract/index.js';
import type { ObjectStore } from '../../../src/objects/index.js';
import { direction } from '../../search/support.js';

export const DAY = 86_400_000;

/** A memory as a host has it. `age`: days, by which it is of a tier. */
export interface Memory {
  id: string;
  text: string;
  age: number;
}

/** An upload on its way from its host. */
export interface Arrival {
  systemId: string;
  order: number;
  createdAt: number;
  memories: readonly Memory[];
  /** What is put in the place of the file that the manifest tells of, as base64. */
  broken: string | null;
}

/** Files, manifest, inbox entry: from there on it is acknowledged. Done again it changes nothing. */
export async function putArrival(uploads: ObjectStore, arrival: Arrival): Promise<UploadRef> {
  const { systemId, order, createdAt, memories, broken } = arrival;
  const ref = { systemId, uploadId: `${systemId}-${order}` };
  const file = fileOf(memories, createdAt);
  const content = broken === null ? file.stored : Buffer.from(broken, 'base64');
  await uploads.put(`${uploadPrefix(ref)}${file.name}`, content);
  await uploads.put(manifestKey(ref), manifestOf(ref, { order, createdAt, file }));
  await uploads.put(inboxKey(ref), '');
  return ref;
}

/** Puts right what lies in an upload's place. */
export async function mendArrival(
  uploads: ObjectStore,
  ref: UploadRef,
  { memories, createdAt }: Pick<Arrival, 'memories' | 'createdAt'>,
): Promise<void> {
  const file = fileOf(memories, createdAt);
  await uploads.put(`${uploadPrefix(ref)}${file.name}`, file.stored);
}

interface StoredFile {
  name: string;
  raw: Buffer;
  stored: Buffer;
}

function fileOf(memories: readonly Memory[], now: number): StoredFile {
  const conversations = memories.map(({ id, text, age }) => ({
    id,
    content: text,
    timestamp: new Date(now - age * DAY).toISOString(),
    embedding: [...direction(text.length)].map((x) => Number(x.toFixed(3))),
  }));
  const raw = Buffer.from(JSON.stringify({ conversations }));
  return { name: 'memories.json.gz', raw, stored: gzipSync(raw, { level: 1 }) };
}

function manifestOf(
  ref: UploadRef,
  { order, createdAt, file }: { order: number; createdAt: number; file: StoredFile },
): string {
  return JSON.stringify({
    format_version: 1,
    upload_id: ref.uploadId,
    system_id: ref.systemId,
    timestamp: new Date(createdAt).toISOString(),
    order,
    previous_order: order === 1 ? null : order - 1,
    time_zone: 'UTC',
    files: [
      {
        name: file.name,
        path: `${uploadPrefix(ref)}${file.name}`,
        size_bytes: file.stored.length,
        compression: 'gzip',
        checksum: sha256(file.stored),
        raw_size_bytes: file.raw.length,
        raw_checksum: sha256(file.raw),
        rows: {},
      },
    ],
    omitted: [],
    metadata: { uploader: 'akosha', version: '0.1.0' },
  });
}

function sha256(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}

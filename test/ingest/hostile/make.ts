import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { uploadPrefix, type UploadRef } from '../../../src/contract/index.js';
import { makeDatabase, query } from '../../support/databases.js';

/** Files of an upload, by name. */
export type Files = Readonly<Record<string, Uint8Array>>;

export const CONVERSATIONS = 'CREATE TABLE conversations_v2(id VARCHAR, content VARCHAR)';

async function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(path.join(tmpdir(), 'akosha-hostile-'));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The bytes of a database that these statements make. */
export function makeBytes(...statements: string[]): Promise<Buffer> {
  return inFolder(async (folder) => {
    const file = path.join(folder, 'made.duckdb');
    await makeDatabase(file, ...statements);
    return readFile(file);
  });
}

/** The bytes of what one statement writes to the file `%`. */
export function writtenBy(statement: string): Promise<Buffer> {
  return inFolder(async (folder) => {
    const file = path.join(folder, 'written');
    await query(statement.replaceAll('%', file));
    return readFile(file);
  });
}

/** The bytes of a database attached with these options, with two conversations in it. */
export function makeWith(options: string): Promise<Buffer> {
  return inFolder(async (folder) => {
    const file = path.join(folder, 'made.duckdb');
    await makeDatabase(
      ':memory:',
      // DuckDB's own cipher is for reading only, unless it is asked.
      `SET force_mbedtls_unsafe = 'true'`,
      `ATTACH '${file}' AS made (${options})`,
      'CREATE TABLE made.conversations_v2(id VARCHAR, content VARCHAR)',
      `INSERT INTO made.conversations_v2 VALUES ('1', 'one'), ('2', 'two')`,
      'DETACH made',
    );
    return readFile(file);
  });
}

let sound: Promise<Buffer> | undefined;

/** A database with two conversations. */
export function makeSound(): Promise<Buffer> {
  sound ??= makeBytes(CONVERSATIONS, `INSERT INTO conversations_v2 VALUES ('1', 'one'), ('2', 'two')`);
  return sound;
}

/** As fast as it goes: what a host would take is no matter here. */
export function packed(bytes: Uint8Array): Buffer {
  return gzipSync(bytes, { level: 1 });
}

export function originalManifest(place: UploadRef, names: readonly string[]): string {
  return JSON.stringify({
    upload_id: place.uploadId,
    system_id: place.systemId,
    timestamp: '2026-11-22T10:00:00+00:00',
    files: names.map((name) => ({ name, size_bytes: 0, compression: 'gzip', checksum: '' })),
    metadata: { uploader: 'session-buddy', version: '1.0.0' },
  });
}

export function oursManifest(place: UploadRef, made: Files) {
  return {
    format_version: 1,
    upload_id: place.uploadId,
    system_id: place.systemId,
    timestamp: '2026-11-22T10:00:00Z',
    order: 1,
    previous_order: null,
    time_zone: 'UTC',
    files: Object.entries(made).map(([name, bytes]) => {
      const checksum = createHash('sha256').update(bytes).digest('hex');
      return {
        name,
        path: uploadPrefix(place) + name,
        size_bytes: bytes.length,
        compression: 'none',
        checksum,
        raw_size_bytes: bytes.length,
        raw_checksum: checksum,
        rows: { conversation: 2 },
      };
    }),
    omitted: [],
    metadata: { uploader: 'akosha', version: '1.0.0' },
  };
}

/** A copy with other bytes at a place. */
export function patched(bytes: Uint8Array, at: number, ...values: number[]): Buffer {
  const copy = Buffer.from(bytes);
  copy.set(values, at);
  return copy;
}

/** A copy with the bits at a place turned round. */
export function flipped(bytes: Uint8Array, at: number): Buffer {
  return patched(bytes, at, (bytes[at] ?? 0) ^ 0xff);
}

const HEADER = 4096;

/** A copy whose 64-bit word at a place is another, with a sound checksum before the header or block that it is in. */
export function resealed(bytes: Uint8Array, at: number, value: bigint): Buffer {
  const copy = Buffer.from(bytes);
  copy.writeBigUInt64LE(value, at);
  const start = at < 3 * HEADER ? at - (at % HEADER) : at - ((at - 3 * HEADER) % 262_144);
  const end = at < 3 * HEADER ? start + HEADER : start + 262_144;
  let checksum = 5381n;
  for (let word = start + 8; word < end; word += 8)
    checksum ^= BigInt.asUintN(64, copy.readBigUInt64LE(word) * 0xbf58476d1ce4e5b9n);
  copy.writeBigUInt64LE(checksum, start);
  return copy;
}

/** Bytes that look like chance and are the same every time. */
export function noise(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  let state = 1;
  for (let at = 0; at < length; at++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    bytes[at] = state >>> 16;
  }
  return bytes;
}

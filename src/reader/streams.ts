import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, readFile, rename, stat, writeFile, type FileHandle } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip, gunzipSync } from 'node:zlib';
import type { FileSums } from './messages.js';

/**
 * Large enough that a chunk's overhead does not matter, small enough that a chain of streams stays within a
 * few MB.
 */
const CHUNK_BYTES = 1_048_576;

/**
 * What is stored in no more than this, and unpacks to no more than that, is unpacked in memory: a chain of streams took three times the CPU
 * over a common upload's 150 kB, most of it for buffers that were collected after each.
 */
const IN_MEMORY_BYTES = { stored: 1_048_576, raw: 8_388_608 } as const;

type Chunks = AsyncIterable<Buffer>;
type Pass = (source: Chunks) => Chunks;

/** Bytes and SHA-256 of what flows through `pass`. */
function meter(onBytes?: (total: number) => void): { pass: Pass; sums: () => FileSums } {
  const hash = createHash('sha256');
  let bytes = 0;
  return {
    pass: async function* (source) {
      for await (const chunk of source) {
        bytes += chunk.length;
        onBytes?.(bytes);
        hash.update(chunk);
        yield chunk;
      }
    },
    sums: () => ({ bytes, sha256: hash.digest('hex') }),
  };
}

export interface StoredAndRaw {
  stored: FileSums;
  raw: FileSums;
}

/** Bytes and SHA-256 of a file. */
export async function hashFile(path: string): Promise<FileSums> {
  const { pass, sums } = meter();
  await pipeline(createReadStream(path, { highWaterMark: CHUNK_BYTES }), pass, async (source: Chunks) => {
    for await (const chunk of source) void chunk;
  });
  return sums();
}

export interface Compression {
  compression: 'gzip' | 'none';
  /** zlib's, 1 to 9. */
  compressionLevel: number;
}

/**
 * Makes of `source` the new file `target`, compressed or moved as it is, and forces it to disk. The bytes depend on the source and
 * the level alone: Node writes neither a name nor a time into the header.
 */
export async function storeFile(
  source: string,
  target: string,
  { compression, compressionLevel }: Compression,
): Promise<StoredAndRaw> {
  if (compression === 'gzip') return compressFile(source, target, compressionLevel);
  const sums = await hashFile(source);
  const file = await open(source, 'r+');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(source, target);
  return { stored: sums, raw: sums };
}

/** One pass: each chunk is hashed raw, compressed, hashed again and written before many others are read. */
async function compressFile(source: string, target: string, level: number): Promise<StoredAndRaw> {
  const raw = meter();
  const stored = meter();
  const file = await open(target, 'wx', 0o600);
  try {
    await pipeline(
      createReadStream(source, { highWaterMark: CHUNK_BYTES }),
      raw.pass,
      createGzip({ level, chunkSize: CHUNK_BYTES }),
      stored.pass,
      (source: Chunks) => writeAll(file, source),
    );
    await file.sync();
  } finally {
    await file.close();
  }
  return { stored: stored.sums(), raw: raw.sums() };
}

/**
 * Copies `source` to the new file `target`, decompressed where it is gzip by its first bytes, whatever its
 * name says. `onRawBytes` is called with the bytes so far before they are written; what it throws ends the
 * copy. Holds up its thread for some milliseconds where the file is small: for a reader, which does one thing at a time.
 */
export async function decompressFile(
  source: string,
  target: string,
  onRawBytes: (total: number) => void,
): Promise<StoredAndRaw> {
  const { size } = await stat(source);
  const small = size <= IN_MEMORY_BYTES.stored ? unpackSmall(await readFile(source)) : undefined;
  if (small === undefined) return decompressStream(source, target, onRawBytes);
  onRawBytes(small.raw.length);
  await writeFile(target, small.raw, { flag: 'wx', mode: 0o600 });
  return { stored: sumsOf(small.stored), raw: sumsOf(small.raw) };
}

/** Undefined for what unpacks to more than is to be held in memory. */
function unpackSmall(stored: Buffer): { stored: Buffer; raw: Buffer } | undefined {
  if (!isGzip(stored)) return { stored, raw: stored };
  try {
    const raw = gunzipSync(stored, { chunkSize: CHUNK_BYTES, maxOutputLength: IN_MEMORY_BYTES.raw });
    return { stored, raw };
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE') return undefined;
    throw error;
  }
}

function sumsOf(bytes: Buffer): FileSums {
  return { bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') };
}

async function decompressStream(
  source: string,
  target: string,
  onRawBytes: (total: number) => void,
): Promise<StoredAndRaw> {
  const stored = meter();
  const raw = meter(onRawBytes);
  const from = createReadStream(source, { highWaterMark: CHUNK_BYTES });
  const file = await open(target, 'wx', 0o600);
  try {
    const to = (chunks: Chunks): Promise<void> => writeAll(file, chunks);
    if (isGzip(await readHead(source, 2))) {
      await pipeline(from, stored.pass, createGunzip({ chunkSize: CHUNK_BYTES }), raw.pass, to);
    } else {
      await pipeline(from, stored.pass, raw.pass, to);
    }
  } finally {
    from.destroy();
    await file.close();
  }
  return { stored: stored.sums(), raw: raw.sums() };
}

/**
 * Copies what a file holds at the start, or less where it shrinks meanwhile. A writer that appends cannot
 * draw it out.
 */
export async function copyBytes(source: string, target: string): Promise<void> {
  const from = await open(source, 'r');
  try {
    const { size } = await from.stat();
    const to = await open(target, 'w', 0o600);
    try {
      if (size === 0) return;
      const chunks = from.createReadStream({ highWaterMark: CHUNK_BYTES, end: size - 1, autoClose: false });
      await writeAll(to, chunks);
    } finally {
      await to.close();
    }
  } finally {
    await from.close();
  }
}

/** Not a write stream: the file must stay open after its last byte, to be forced to disk. */
async function writeAll(file: FileHandle, chunks: Chunks): Promise<void> {
  for await (const chunk of chunks) await file.writeFile(chunk);
}

function isGzip(head: Uint8Array): boolean {
  return head[0] === 0x1f && head[1] === 0x8b;
}

/** The first `length` bytes of a file, or as many as it has. */
export async function readHead(path: string, length: number): Promise<Buffer> {
  const file = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, rename, type FileHandle } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import type { FileSums } from './messages.js';

/**
 * Large enough that a chunk's overhead does not matter, small enough that a chain of streams stays within a
 * few MB.
 */
const CHUNK_BYTES = 1_048_576;

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
 * copy.
 */
export async function decompressFile(
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
    if (await isGzip(source)) {
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

async function isGzip(path: string): Promise<boolean> {
  const magic = await readHead(path, 2);
  return magic[0] === 0x1f && magic[1] === 0x8b;
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

import { randomUUID } from 'node:crypto';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { AkoshaError, isAkoshaError, messageOf } from '../contract/index.js';
import { cancelled, isAbortError, throwIfAborted } from './cancel.js';

/** Large enough that system calls cost little beside the copy, small enough that a hundred copies at once fit in memory. */
const CHUNK_BYTES = 1024 * 1024;

const REFUSED = new Set([
  ...['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'EISDIR', 'EEXIST', 'ENAMETOOLONG', 'ELOOP', 'EINVAL'],
  // A file system without hard links, which a create-only put needs.
  ...['ENOTSUP', 'EOPNOTSUPP', 'EMLINK', 'EXDEV'],
]);

/** The code of a Node error, such as `ENOENT`. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

export function isMissing(error: unknown): boolean {
  return codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR';
}

export function notFound(key: string, doing: string): AkoshaError {
  return new AkoshaError('ObjectNotFound', `${doing}: there is no such object`, { details: { key } });
}

/** An operating system's error in our words. `doing` is the action with its key; `path` the file or folder it failed at. */
export function fileError(error: unknown, doing: string, path: string): AkoshaError {
  if (isAkoshaError(error)) return error;
  if (isAbortError(error)) return cancelled(doing, error);
  const code = codeOf(error);
  const options = { cause: error, details: { path, code: code ?? null } };
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new AkoshaError('DiskFull', `${doing}: no space is left for ${path}`, options);
  }
  const type = code !== undefined && REFUSED.has(code) ? 'ObjectStoreRefused' : 'ObjectStoreUnavailable';
  return new AkoshaError(type, `${doing}: ${path}: ${messageOf(error)}`, options);
}

/** Opens a file that the caller of a put named. A file that is not there is the caller's mistake: `BadRequest`. */
export async function openSource(path: string, doing: string): Promise<FileHandle> {
  try {
    return await open(path, 'r');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') {
      throw new AkoshaError('BadRequest', `${doing}: there is no file ${path} to put`, { cause: error });
    }
    throw fileError(error, doing, path);
  }
}

/**
 * The bytes of an open file from its current position on. Every chunk is in the same buffer: use it before asking for
 * the next.
 */
export async function* readChunks(
  file: FileHandle,
  at: { path: string; doing: string; signal: AbortSignal | undefined },
): AsyncGenerator<Uint8Array> {
  const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
  for (;;) {
    throwIfAborted(at.signal, at.doing);
    const bytesRead = await readInto(file, buffer, null, at);
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
  }
}

/** Exactly the bytes of a slice, into the front of `buffer`. A file that ends before is being changed: `SnapshotTorn`. */
export async function readSlice(
  file: FileHandle,
  buffer: Buffer,
  slice: { offset: number; length: number },
  at: { path: string; doing: string },
): Promise<Buffer> {
  let filled = 0;
  while (filled < slice.length) {
    const bytesRead = await readInto(file, buffer.subarray(filled, slice.length), slice.offset + filled, at);
    if (bytesRead === 0) {
      throw new AkoshaError('SnapshotTorn', `${at.doing}: ${at.path} became shorter while it was being read`);
    }
    filled += bytesRead;
  }
  return buffer.subarray(0, slice.length);
}

async function readInto(
  file: FileHandle,
  buffer: Buffer,
  position: number | null,
  at: { path: string; doing: string },
): Promise<number> {
  try {
    return (await file.read(buffer, 0, buffer.length, position)).bytesRead;
  } catch (error) {
    throw fileError(error, at.doing, at.path);
  }
}

export interface WriteOptions {
  doing: string;
  /** Have the bytes on the disk before returning. */
  sync: boolean;
  /** Called with the bytes written so far. */
  onProgress?: ((bytes: number) => void) | undefined;
}

/**
 * Writes a file that must not exist yet, and removes it again when anything fails. Returns its bytes. Faults of `chunks`
 * come out as they are, faults of the disk as `AkoshaError`.
 */
export async function writeNewFile(
  path: string,
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  options: WriteOptions,
): Promise<number> {
  const file = await orFileError(open(path, 'wx'), options.doing, path);
  let bytes = 0;
  try {
    for await (const chunk of chunks) {
      await orFileError(file.writeFile(chunk), options.doing, path);
      bytes += chunk.byteLength;
      options.onProgress?.(bytes);
    }
    if (options.sync) await orFileError(file.datasync(), options.doing, path);
    // Some network file systems tell of a full disk only here.
    await orFileError(file.close(), options.doing, path);
  } catch (error) {
    await file.close().catch(() => undefined);
    await rm(path, { force: true });
    throw error;
  }
  return bytes;
}

/**
 * Writes beside `path` and renames, so that `path` is never a part of the whole, even where the process is killed. Not
 * synced: a download lost to a power cut is fetched again, and its reader verifies a checksum first.
 */
export async function saveAs(
  path: string,
  chunks: AsyncIterable<Uint8Array>,
  doing: string,
): Promise<number> {
  const part = `${path}.${randomUUID()}.part`;
  const bytes = await writeNewFile(part, chunks, { doing, sync: false });
  try {
    await rename(part, path);
  } catch (error) {
    await rm(part, { force: true });
    throw fileError(error, doing, path);
  }
  return bytes;
}

async function orFileError<Result>(work: Promise<Result>, doing: string, path: string): Promise<Result> {
  try {
    return await work;
  } catch (error) {
    throw fileError(error, doing, path);
  }
}

import { stat } from 'node:fs/promises';
import type { FileSums } from './messages.js';
import type { JobOptions, ReaderPool } from './pool.js';
import { hashFile } from './streams.js';

/** A millisecond of hashing. */
const SMALL_FILE_BYTES = 512 * 1024;

/** Bytes and SHA-256 of a file of our own: a small one's are taken here, because to hand it to a child takes longer. */
export async function hashStored(
  reader: ReaderPool,
  path: string,
  options: JobOptions = {},
): Promise<FileSums> {
  const { size } = await stat(path);
  return size <= SMALL_FILE_BYTES ? hashFile(path) : reader.hashFile(path, options);
}

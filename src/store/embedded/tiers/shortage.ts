import { AkoshaError, messageOf } from '../../../contract/index.js';

export interface Room {
  /** Where the files are, and where DuckDB spills what does not fit into its memory. */
  folder: string;
  scratch: string;
  memoryMb: number;
}

/** The system's words for a disk, a quota and a limit that has been reached, which DuckDB repeats; and its own of the room that it gives itself to spill. */
const DISK_FULL = /no space left on device|disk quota exceeded|file too large|max_temp_directory_size/i;

/** What DuckDB calls it. It says in the same words that the machine itself had none. */
const OUT_OF_MEMORY = /out of memory/i;

/** Whether an error is about the machine, and says nothing of the files. */
export function isShortage(error: unknown): boolean {
  const message = messageOf(error);
  return DISK_FULL.test(message) || OUT_OF_MEMORY.test(message);
}

/** An error of DuckDB's that tells of a want of room or memory as ours, with what to change; any other as it is. */
export function ofShortage(error: unknown, { folder, scratch, memoryMb }: Room): unknown {
  if (error instanceof AkoshaError) return error;
  const message = messageOf(error);
  if (DISK_FULL.test(message)) {
    return new AkoshaError(
      'DiskFull',
      `no room is left for ${folder}, ${scratch} or what is written beside them (data_dir, AKOSHA_DATA_DIR): ${message}`,
      { cause: error },
    );
  }
  if (OUT_OF_MEMORY.test(message)) {
    return new AkoshaError(
      'MemoryExceeded',
      `the store's DuckDB may use ${memoryMb} MiB, and this needs more: set store_memory_mb (AKOSHA_STORE_MEMORY_MB) higher, or move_batch_rows lower where it is a move's: ${message}`,
      { cause: error },
    );
  }
  return error;
}

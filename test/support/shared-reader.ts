import { ReaderPool } from '../../src/reader/index.js';

let shared: ReaderPool | undefined;

/**
 * One pool for all tests of a process: its child is used again, and is replaced where a job failed. A child of its own for each test costs
 * more than most tests do. It ends with the process. Tests that strike the child, or count children, open a pool of their own.
 */
export function sharedReader(): ReaderPool {
  shared ??= new ReaderPool({ size: 1, memoryLimitMb: 256, jobTimeoutMs: 60_000 });
  return shared;
}

export type { ExportResult, FileSums, Snapshot } from './messages.js';
export { ReaderPool } from './pool.js';
export type { ExportRequest, JobOptions, MergeRequest, ReaderPoolOptions, SnapshotRequest } from './pool.js';

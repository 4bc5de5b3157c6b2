export { findExternalReader, READER_REMEDY, type ExternalReaderOptions } from './external-reader.js';
export { LOG_SUFFIXES } from './log-suffixes.js';
export type { BuildRequest, ListRequest } from './build-requests.js';
export type { BuiltDatabase, Exclusions, ExportResult, FileSums, Snapshot } from './messages.js';
export { OWN_READER } from './own-reader.js';
export { ReaderPool } from './pool.js';
export type { ExportRequest, JobOptions, MergeRequest, ReaderPoolOptions, SnapshotRequest } from './pool.js';
export { isMachineFault } from './reader-failed.js';

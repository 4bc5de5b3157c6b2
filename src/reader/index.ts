export { findExternalReader, READER_REMEDY, type ExternalReaderOptions } from './external-reader.js';
export { hashStored } from './hash-stored.js';
export { LOG_SUFFIXES } from './log-suffixes.js';
export type { BuiltDatabase, DatabaseRead, Exclusions, FileSums, ReadResult, Snapshot } from './messages.js';
export { OWN_READER } from './own-reader.js';
export { ReaderPool } from './pool.js';
export type { JobOptions, ReaderPoolOptions } from './pool.js';
export { isMachineFault } from './reader-failed.js';
export type { BuildRequest, ListRequest, ReadRequest, SnapshotRequest } from './requests.js';

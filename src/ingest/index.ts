export { BatchAcceptor, type AcceptedRow, type AcceptorOptions, type RowSource } from './accept-batch.js';
export { sumExcluded } from './databases.js';
export type { IngestContext, IngestEvents, IngestLog } from './context.js';
export { pollInbox, registerUpload, walkUploads, type WalkProgress } from './discovery.js';
export type { IngestOutcome } from './finish-upload.js';
export { ingestUpload, type IngestOptions } from './ingest-upload.js';
export { dropUpload, retryUpload } from './quarantine.js';
export { listUploads, requireUpload } from './ledger.js';
export type { Discovered, FailedUpload } from './look.js';

export type { IngestContext } from './context.js';
export { pollInbox, registerUpload, walkUploads, type Discovered, type WalkProgress } from './discovery.js';
export { ingestUpload, type IngestOptions, type IngestOutcome } from './ingest-upload.js';

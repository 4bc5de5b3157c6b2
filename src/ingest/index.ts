export { requestAgain } from './again.js';
export { queueAnnounced, type Announced } from './announce.js';
export { BatchAcceptor, type AcceptedRow, type AcceptorOptions, type RowSource } from './accept-batch.js';
export { sumExcluded } from './databases.js';
export type { IngestContext, IngestEvents, IngestLog } from './context.js';
export { AbsentManifests } from './absent-manifests.js';
export { pollInbox, registerUpload, type Polled } from './discovery.js';
export { announcedUploads, parseEvents, parseEventText, type EventPlace } from './events/index.js';
export { inTurn } from './finish-upload.js';
export { ingestUpload, type IngestOptions } from './ingest-upload.js';
export { explainUpload, type UploadExplanation } from './explain-upload.js';
export { dropUpload, retryUpload } from './quarantine.js';
export { forgetIntake } from './forget-intake.js';
export { listUploads, requireUpload } from './ledger.js';
export { mayRead } from './may-read.js';
export { readFound } from './read-found.js';
export type { Discovered, FailedUpload } from './look.js';
export { KnownManifests } from './known-manifests.js';
export { UploadTraces } from './upload-traces.js';
export {
  beginWalk,
  isWalked,
  WALK_SIZES,
  WalkFailed,
  walkPortion,
  walkUploads,
  type WalkSizes,
} from './walk.js';

export {
  ensureS3,
  ensureTemporal,
  recordedServers,
  serverRecordFile,
  type EnsureS3Options,
  type EnsureTemporalOptions,
} from './ensure.js';
export {
  findModel,
  findServer,
  requireServer,
  wheelFolder,
  wheelProgram,
  TOOLS_DIRECTORY,
  type FoundModel,
  type FoundServer,
  type SearchPlaces,
  type ServerSource,
} from './find.js';
export type { RunningServer } from './launch.js';
export { MODEL, SERVER_PROGRAMS, WHEELS, type ServerName, type WheelName } from './packages.js';
export { freePort } from './ports.js';
export { adoptOrEnd, type ServerRecord } from './record.js';
export { checkS3, startS3Server, type S3Access, type S3ServerOptions } from './s3-server.js';
export { checkTemporal, startTemporalServer, type TemporalServerOptions } from './temporal-server.js';

export { toBreakerReply } from './circuit-breakers.js';
export { startApi, type ApiOptions, type RunningApi } from './server.js';
export type { ApiServices, TakenEvents, Readiness } from './services.js';
export type { EmbeddingStatus } from './embedding.js';
export type { RepairStatus } from './repair.js';
export type { ScrubStatus } from './scrub.js';
export type { DrillStatus } from './drill.js';
export type { SelectionRequest } from './selection.js';

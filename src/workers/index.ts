// The workers themselves are made by `agent.ts` and `server.ts`, so that an agent does not load what only the server needs.
export type { WorkerSettings } from './options.js';
export { connectWorkers, runWorkers } from './run.js';
export { keepWorking, type KeepWorkingOptions } from './keep-working.js';

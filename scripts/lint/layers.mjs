/**
 * The folders of `src/` from the bottom up. A folder imports from folders of lower rows only, so nothing below ever
 * depends on anything above, and there is one order in which the program can be read, tested and taken apart.
 */
export const LAYERS = [
  ['contract'],
  ['faults', 'runtime', 'memory'],
  ['telemetry'],
  ['reader', 'objects'],
  ['servers'],
  ['store'],
  ['upload', 'ingest', 'search', 'maintenance'],
  ['client'],
  ['schedules'],
  ['activities'],
  ['workflows'],
  ['bootstrap'],
  ['config'],
  ['workers', 'api'],
  ['processes'],
  ['cli'],
];

/** Folders that only these may import: settings are read once, at the top, and passed down as plain objects. */
export const IMPORTED_ONLY_BY = {
  config: ['workers', 'api', 'processes', 'cli'],
  telemetry: ['config', 'workers', 'api', 'processes', 'cli'],
};

/**
 * What runs in Temporal's sandbox. It may load the contract and pure rules; of activities it may know the types.
 * Programs that start workflows may know their types as well.
 */
export const WORKFLOW_IMPORTS = ['contract', 'memory/tier-rule.ts'];
export const TYPES_ONLY = { workflows: ['activities'], client: ['workflows'], schedules: ['workflows'] };

/** Doors beside `index.ts`, for parts of a folder that must be had without loading the rest of it. */
export const DOORS = {
  activities: ['agent.ts', 'server.ts'],
  workers: ['agent.ts', 'server.ts', 'replay.ts'],
  // Loads no HTTP server.
  api: ['mcp-protocol.ts'],
  processes: ['agent.ts', 'server.ts', 'local.ts', 'host.ts', 'rebuild.ts'],
  // All but the first because they load no schemas: each of the catalog's threads is 50 ms of a core cheaper for it.
  memory: ['tier-rule.ts', 'content-hash.ts', 'row.ts', 'words.ts'],
  // A session's end loads these two and nothing else.
  runtime: ['lock-owner.ts'],
  upload: ['outbox/request-row.ts'],
};

/** Code that runs on a host. It must not load what only the server needs: the store, the vector index, the model. */
export const AGENT_CODE = [
  'upload',
  'activities/agent',
  'workers/agent',
  'processes/agent',
  'processes/agent-parts',
  'processes/agent-metrics',
  'processes/host',
];
export const SERVER_ONLY = ['store', 'search', 'ingest', 'maintenance'];

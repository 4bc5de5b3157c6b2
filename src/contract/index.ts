export * from './errors.js';
export * from './ids.js';
export * from './memory.js';
export * from './object-keys.js';
export * from './query.js';
export * from './activities.js';
export * from './workflows.js';
export * from './activity-options.js';

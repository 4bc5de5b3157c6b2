export * from './content-hash.js';
export * from './manifest.js';
export * from './order.js';
export * from './receipt.js';
export * from './row.js';
export * from './source-tables.js';
export * from './tier-rule.js';

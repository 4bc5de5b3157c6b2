export * from './content-hash.js';
export {
  MANIFEST_FORMAT_VERSION,
  TimeZone,
  Traceparent,
  type AkoshaManifestJson,
} from './manifest-shapes.js';
export * from './expiry.js';
export * from './forget-scope.js';
export * from './manifest.js';
export * from './memories-file.js';
export * from './order.js';
export * from './receipt.js';
export * from './row.js';
export * from './row-extra.js';
export * from './source-tables.js';
export * from './system-name.js';
export * from './tier-rule.js';
export * from './words.js';

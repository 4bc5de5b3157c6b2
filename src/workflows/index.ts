// Exactly the workflows that are registered: an exported function's name is its type, for ever.
export { dailyIngest } from './daily-ingest.js';
export { forgetSystem } from './forget-system.js';
export { ingestSystem } from './ingest-system.js';
export { maintenance } from './maintenance.js';
export { moveMemories } from './move-memories.js';
export { outageRecord } from './outage-record.js';
export { restoreDrill } from './restore-drill.js';
export { scrub } from './scrub.js';
export { tierTransition } from './tier-transition.js';
export { uploadMemory } from './upload-memory.js';

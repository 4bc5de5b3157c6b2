import { AGAIN_GUARDS } from './again-guards.js';
import { COMPACT_GUARDS } from './compact-guards.js';
import { DAMAGE_GUARDS } from './damage-guards.js';
import { EXPIRY_GUARDS } from './expiry-guards.js';
import { FORGET_GUARDS } from './forget-guards.js';
import { FORGET_WORKFLOW_GUARDS } from './forget-workflow-guards.js';
import { INGEST_GUARDS } from './ingest-guards.js';
import { KNOWN_GUARDS } from './known-guards.js';
import { LATE_UPLOAD_GUARDS } from './late-upload-guards.js';
import { LEFTOVER_GUARDS } from './leftover-guards.js';
import { MIRROR_GUARDS } from './mirror-guards.js';
import { MOVE_GUARDS } from './move-guards.js';
import { NUMBERING_GUARDS } from './numbering-guards.js';
import { OPERATION_GUARDS } from './operation-guards.js';
import { REBUILD_GUARDS } from './rebuild-guards.js';
import { REPAIR_GUARDS } from './repair-guards.js';
import { RETENTION_GUARDS } from './retention-guards.js';
import { SCRUB_GUARDS } from './scrub-guards.js';
import { SEARCH_GUARDS } from './search-guards.js';
import { SWEEP_GUARDS } from './sweep-guards.js';
import { THAW_GUARDS } from './thaw-guards.js';

/** Of everything that the protocol speaks of. */
export const GUARDS = [
  ...INGEST_GUARDS,
  ...NUMBERING_GUARDS,
  ...KNOWN_GUARDS,
  ...AGAIN_GUARDS,
  ...MIRROR_GUARDS,
  ...OPERATION_GUARDS,
  ...MOVE_GUARDS,
  ...SEARCH_GUARDS,
  ...COMPACT_GUARDS,
  ...SWEEP_GUARDS,
  ...REBUILD_GUARDS,
  ...THAW_GUARDS,
  ...FORGET_GUARDS,
  ...FORGET_WORKFLOW_GUARDS,
  ...LEFTOVER_GUARDS,
  ...LATE_UPLOAD_GUARDS,
  ...REPAIR_GUARDS,
  ...DAMAGE_GUARDS,
  ...RETENTION_GUARDS,
  ...SCRUB_GUARDS,
  ...EXPIRY_GUARDS,
];

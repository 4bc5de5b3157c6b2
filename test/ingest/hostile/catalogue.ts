import { COMPRESSION } from './compression.js';
import { DATABASES } from './databases.js';
import type { HostileName, HostileRequest, HostileUpload } from './input.js';
import { MANIFESTS } from './manifests.js';
import { MEMORIES } from './memories.js';
import { NAMES } from './names.js';
import { REQUESTS } from './requests.js';
import { SCHEMAS } from './schemas.js';
import { SQL } from './sql.js';
import { VALUES } from './values.js';

/** Every hostile input, by what is wrong with it. */
export const UPLOADS: Readonly<Record<string, readonly HostileUpload[]>> = {
  Compression: COMPRESSION,
  'Database files': DATABASES,
  'SQL that a file carries': SQL,
  'Tables and types': SCHEMAS,
  Values: VALUES,
  'Files of JSON': MEMORIES,
  Manifests: MANIFESTS,
};

export const OBJECT_NAMES: readonly HostileName[] = NAMES;
export const HTTP: readonly HostileRequest[] = REQUESTS;

// Records the histories that test/histories/replay.test.ts replays: `node scripts/record-histories.mjs [NAME…]`, after
// `npm run build`. With names, only the paths whose names begin with one of them: `ingest-system-again outage-record`.
// Run it for a workflow that is new or takes a new path, which stands in scripts/histories/<workflow>.mjs. What is recorded stays as it is
// until no run of its age can exist: workflows that run at the time of an update are replayed by the new code. So a path that has its
// file is left out, and a failing replay is never made to pass by this.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { dailyIngestPaths } from './histories/daily-ingest.mjs';
import { forgetSystemPaths } from './histories/forget-system.mjs';
import { ingestSystemPaths } from './histories/ingest-system.mjs';
import { maintenancePaths } from './histories/maintenance.mjs';
import { moveMemoriesPaths } from './histories/move-memories.mjs';
import { outageRecordPaths } from './histories/outage-record.mjs';
import { recordPaths } from './histories/recorder.mjs';
import { restoreDrillPaths } from './histories/restore-drill.mjs';
import { scrubPaths } from './histories/scrub.mjs';
import { tierTransitionPaths } from './histories/tier-transition.mjs';
import { uploadMemoryPaths } from './histories/upload-memory.mjs';

const paths = Object.entries({
  ...uploadMemoryPaths(),
  ...ingestSystemPaths(),
  ...dailyIngestPaths(),
  ...moveMemoriesPaths(),
  ...outageRecordPaths(),
  ...tierTransitionPaths(),
  ...forgetSystemPaths(),
  ...maintenancePaths(),
  ...scrubPaths(),
  ...restoreDrillPaths(),
});
const prefixes = process.argv.slice(2);
const isWanted = ([name]) => prefixes.length === 0 || prefixes.some((prefix) => name.startsWith(prefix));
const isNew = ([name, { runs }]) => {
  const file = new URL(`../test/histories/${name}${runs ? '-1' : ''}.json`, import.meta.url);
  return !existsSync(fileURLToPath(file));
};
await recordPaths(paths.filter((path) => isWanted(path) && isNew(path)));

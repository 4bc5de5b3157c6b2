// Preloaded into a program (`node --import`): at its end, and at that of each of its threads and children, writes which packages were loaded to the
// folder that TEST_LOADED_MODULES names. OpenTelemetry's are all CommonJS, so that they stand in the cache however they are imported.
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { threadId } from 'node:worker_threads';

const require = createRequire(import.meta.url);

process.on('exit', () => {
  const folder = process.env['TEST_LOADED_MODULES'];
  if (folder === undefined) return;
  const files = Object.keys(require.cache);
  writeFileSync(path.join(folder, `${process.pid}-${threadId}.json`), JSON.stringify(files));
});

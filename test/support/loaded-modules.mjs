// Preloaded into a program (`node --import`): writes which modules it, its threads and its children load to the folder that TEST_LOADED_MODULES
// names. What is imported is written as it is loaded, what is required at the end.
import { writeFileSync } from 'node:fs';
import { createRequire, register } from 'node:module';
import path from 'node:path';
import { threadId } from 'node:worker_threads';

const require = createRequire(import.meta.url);
const folder = process.env['TEST_LOADED_MODULES'];

if (folder !== undefined) {
  register('./imported-modules.mjs', import.meta.url, {
    data: path.join(folder, `${process.pid}-${threadId}-imported`),
  });
  process.on('exit', () => {
    const files = Object.keys(require.cache);
    writeFileSync(path.join(folder, `${process.pid}-${threadId}`), `${files.join('\n')}\n`);
  });
}

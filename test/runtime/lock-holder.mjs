// `node lock-holder.mjs <folder>`: waits for a message, tries to lock the folder, tells how it went, and stays until it is killed.
import { join } from 'node:path';
import { takeLock } from '../../dist/runtime/index.js';

process.once('message', async () => {
  try {
    await takeLock(join(process.argv[2], 'lock'));
    process.send('locked');
  } catch (error) {
    process.send(error.type);
  }
});
process.send('ready');
setInterval(() => undefined, 60_000);

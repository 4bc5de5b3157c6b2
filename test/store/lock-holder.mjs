// `node lock-holder.mjs <folder>`: waits for a message, tries to lock the store's folder, tells how it went, and stays until it is killed.
import { lockStore } from '../../dist/store/embedded/lock.js';

process.once('message', async () => {
  try {
    await lockStore(process.argv[2]);
    process.send('locked');
  } catch (error) {
    process.send(error.type);
  }
});
process.send('ready');
setInterval(() => undefined, 60_000);

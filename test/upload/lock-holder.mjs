// `node lock-holder.mjs <data folder>`: takes the host lock, says so, and keeps it until it is killed.
import { withHostLock } from '../../dist/upload/host-lock.js';

await withHostLock(process.argv[2], undefined, async () => {
  process.send('held');
  await new Promise((resolve) => setTimeout(resolve, 600_000));
});

// `node pool-parent.mjs <file> <pipe>`: a process with one idle reader and one at work for ever. Sends its children's
// process ids once both are up, then waits to be killed.
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { ReaderPool } from '../../dist/reader/index.js';

const [file, pipe] = process.argv.slice(2);
const pool = new ReaderPool({ size: 2, memoryLimitMb: 256, jobTimeoutMs: 600_000 });
void pool.hashFile(pipe);
await pool.hashFile(file);
let children = [];
while (children.length < 2) {
  await sleep(20);
  const listed = await readFile(`/proc/${process.pid}/task/${process.pid}/children`, 'utf8');
  children = listed.trim().split(/\s+/).filter(Boolean).map(Number);
}
process.send(children);
setInterval(() => undefined, 1000);

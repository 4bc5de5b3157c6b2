// `node sync-host.mjs <json>`: one sync of a host, as an agent without an orchestrator does it. Prints what it logged.
import { openObjectStore } from '../../dist/objects/index.js';
import { ReaderPool } from '../../dist/reader/index.js';
import { openHost, syncDirectly } from '../../dist/upload/index.js';

const { storeUrl, uploadId, now, ...host } = JSON.parse(process.argv[2]);
const reader = new ReaderPool({ size: 1, memoryLimitMb: 256, jobTimeoutMs: 30_000 });
const warnings = [];
const context = openHost({
  ...host,
  deduplicate: false,
  uploads: await openObjectStore(storeUrl),
  reader,
  now: () => now,
  log: { warn: (_details, message) => warnings.push(message) },
});
await syncDirectly(context, { uploadId });
context.close();
await reader.close();
process.stdout.write(JSON.stringify({ warnings }));

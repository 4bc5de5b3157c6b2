// A program that owns a data folder, as `akosha up` does: makes sure of its Temporal server, prints it, and stays.
// Runs compiled code in a process of its own, so that a test can kill it.
import { ensureTemporal } from '../../dist/servers/index.js';

const [dataFolder] = process.argv.slice(2);
const server = await ensureTemporal({ dataFolder, uiPort: null });
process.stdout.write(
  `${JSON.stringify({ pid: server.pid, adopted: server.adopted, ports: server.ports })}\n`,
);
setInterval(() => {}, 1_000);

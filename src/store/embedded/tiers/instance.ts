import { mkdir } from 'node:fs/promises';
import { DuckDBInstance } from '@duckdb/node-api';

/**
 * The log that a tier may gather before it is folded into its file. A checkpoint costs a second whatever came since the last: at DuckDB's own
 * 16 MB that was most of what an ingest took. To replay this much at the start after a crash takes some seconds.
 */
const LOG_MB = 64;

/** The instance that both tiers are attached to, with its settings. `scratch` is where it spills what does not fit into its memory. */
export async function createInstance({
  memoryMb,
  scratch,
}: {
  memoryMb: number;
  scratch: string;
}): Promise<DuckDBInstance> {
  await mkdir(scratch, { recursive: true });
  const instance = await DuckDBInstance.create(':memory:', {
    memory_limit: `${memoryMb}MB`,
    temp_directory: scratch,
    // Each statement runs in the thread that asks for it, and several at once. With a second one to share their parts the small statements
    // of ingests took twice the CPU, for a scan of 100,000 vectors that is some tens of milliseconds shorter.
    threads: '1',
    checkpoint_threshold: `${LOG_MB}MB`,
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
  });
  const connection = await instance.connect();
  // Own times are UTC; the host's zone must not leak into casts.
  await connection.run(`SET GLOBAL TimeZone = 'UTC'`);
  // Cold objects never change, so what their footers say is read once. It takes 24 kB an object of the memory above, which
  // DuckDB gives up where a query needs it.
  await connection.run('SET GLOBAL parquet_metadata_cache = true');
  connection.closeSync();
  return instance;
}

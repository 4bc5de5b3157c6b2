import { createAkoshaClient, type AkoshaClient } from '../client/index.js';
import { temporalConnection, type Settings } from '../config/index.js';
import { AkoshaError } from '../contract/index.js';
import { findRunning } from '../runtime/index.js';

/** How long a person waits to learn that Temporal is away. */
const REACHABLE_MS = 3_000;

/**
 * A client for the Temporal of the program that runs for this data folder, else of the settings. Temporal's own variables win
 * where they name an address: whoever sets one means it.
 */
export async function openTemporal(settings: Settings): Promise<AkoshaClient> {
  const connection = temporalConnection(settings);
  const running = connection.configured ? undefined : await findRunning(settings.dataDir);
  const address = running?.temporal_address ?? connection.connectionOptions.address;
  return createAkoshaClient({
    connectionOptions: { ...connection.connectionOptions, address },
    namespace: running?.temporal_namespace ?? connection.namespace,
    identity: `akosha-cli@${process.pid}`,
  });
}

/** The same, for commands that are of no use without Temporal. */
export async function openClient(settings: Settings): Promise<AkoshaClient> {
  const client = await openTemporal(settings);
  if (await client.isReachable(REACHABLE_MS)) return client;
  const { address } = client.connection;
  await client.close();
  throw new AkoshaError(
    'OrchestratorUnavailable',
    `Temporal does not answer at ${address}: start it with \`akosha up\`, or set TEMPORAL_ADDRESS`,
  );
}

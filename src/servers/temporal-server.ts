import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { AkoshaError, SEARCH_ATTRIBUTES } from '../contract/index.js';
import { requireServer } from './find.js';
import { launch, withFreePorts, type OnServerStart, type RunningServer } from './launch.js';
import { freePort } from './ports.js';

const LOOPBACK = '127.0.0.1';
const NAMESPACE = 'default';
/** One try at an answer. A local server answers in milliseconds, and the caller tries again. */
const ANSWER_TIMEOUT_MS = 2_000;

export interface TemporalServerOptions {
  /** The server keeps its database and its log here. */
  dataFolder: string;
  /** gRPC; 0 means any free one. */
  port?: number;
  /** Web UI; 0 means any free one, null none at all. */
  uiPort?: number | null;
  /** Own process group; see `LaunchOptions.detached`. */
  detached?: boolean;
  /** The program; found by `findServer` where not given. */
  path?: string;
  onStart?: OnServerStart;
}

/**
 * Starts Temporal's development server with our search attributes, on loopback, durable in `dataFolder`.
 * Returns when it answers for the namespace `default`.
 *
 * @throws AkoshaError `ServerMissing` where the program is not installed, `ServerFailed` where it does not start.
 */
export async function startTemporalServer(options: TemporalServerOptions): Promise<RunningServer> {
  const executable = options.path ?? (await requireServer('temporal')).path;
  const folder = join(options.dataFolder, 'temporal');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const logFile = join(folder, 'server.log');
  return withFreePorts(options.port, async () => {
    const ports: Record<string, number> = { main: options.port || (await freePort()) };
    if (options.uiPort !== null) ports['ui'] = options.uiPort || (await freePort());
    const url = `${LOOPBACK}:${ports['main']}`;
    return launch({
      name: 'temporal',
      executable,
      args: temporalArguments(folder, ports),
      ports,
      url,
      folder,
      logFile,
      detached: options.detached ?? false,
      ready: () => checkTemporal(url),
      onStart: options.onStart,
    });
  });
}

/**
 * The pragmas make 2.8 times the workflows a second of the default, measured side by side. With them a power cut may
 * cost the server its last transactions, a killed process none; what we promise to keep does not stand in there.
 */
function temporalArguments(folder: string, ports: Readonly<Record<string, number>>): string[] {
  const attributes = Object.values(SEARCH_ATTRIBUTES).map((name) => `${name}=Keyword`);
  return [
    ...['server', 'start-dev', '--ip', LOOPBACK, '--port', String(ports['main'])],
    ...(ports['ui'] === undefined
      ? ['--headless']
      : ['--ui-port', String(ports['ui']), '--ui-disable-news-fetch']),
    ...['--db-filename', join(folder, 'temporal.db')],
    ...['--sqlite-pragma', 'journal_mode=WAL', '--sqlite-pragma', 'synchronous=NORMAL'],
    ...attributes.flatMap((attribute) => ['--search-attribute', attribute]),
    // It would ask a public address which versions are current.
    ...['--dynamic-config-value', 'frontend.enableServerVersionCheck=false'],
    // Priority holds within a partition of a queue, of which there are four by default. All are still read, for what an earlier start wrote.
    ...['--dynamic-config-value', 'matching.numTaskqueueWritePartitions=1'],
    ...['--log-format', 'json', '--log-level', 'warn'],
  ];
}

/**
 * Resolves where a Temporal server answers at `address` for our namespace and knows our search attributes: a start
 * that names an unknown one is refused, so a server that answers without them does not serve yet.
 */
export async function checkTemporal(address: string): Promise<void> {
  // Loaded on demand: who only reads which servers are on record, as `akosha status`, need not pay 300 ms for it.
  const { Connection } = await import('@temporalio/client');
  const connection = await Connection.connect({ address, connectTimeout: ANSWER_TIMEOUT_MS });
  try {
    await connection.withDeadline(Date.now() + ANSWER_TIMEOUT_MS, async () => {
      await connection.workflowService.describeNamespace({ namespace: NAMESPACE });
      const { customAttributes } = await connection.operatorService.listSearchAttributes({
        namespace: NAMESPACE,
      });
      const missing = Object.values(SEARCH_ATTRIBUTES).filter((name) => !(name in customAttributes));
      if (missing.length > 0) {
        throw new AkoshaError(
          'ServerFailed',
          `Temporal at ${address} has no search attribute ${missing.join(', ')}`,
        );
      }
    });
  } finally {
    await connection.close();
  }
}

import { isIPv6, type AddressInfo } from 'node:net';
import { requireServable } from '../config/index.js';
import { AkoshaError } from '../contract/index.js';
import type { Logger, Metrics } from '../telemetry/index.js';
import { createApp, type App } from './app.js';
import { drillRoutes } from './drill.js';
import { embeddingRoutes } from './embedding.js';
import { answerErrors } from './errors.js';
import { eventRoutes } from './events.js';
import { explainRoutes } from './explain.js';
import { forgetRoutes } from './forget.js';
import { guard } from './guard.js';
import { mcpRoutes } from './mcp.js';
import { memoryRoutes } from './memories.js';
import { moveRoutes } from './moves.js';
import { observe } from './observe.js';
import { openApiRoute } from './openapi.js';
import { pinRoutes } from './pins.js';
import { measured, operationRoutes, pageRoute, probeRoutes, reportRoutes, searchRoute } from './routes.js';
import { quarantineRoutes } from './quarantine.js';
import { repairRoutes } from './repair.js';
import { scrubRoutes } from './scrub.js';
import type { ApiServices } from './services.js';
import { tierRoutes } from './tiers.js';
import { uploadRoutes } from './uploads.js';

export interface ApiOptions {
  host: string;
  /** 0 is any free one. */
  port: number;
  /** Guards every route but `/health` and `/ready`. Required where other machines can reach `host`. */
  apiToken?: string | undefined;
  /** Good for posting events of an object store, beside `apiToken`. */
  eventsToken?: string | undefined;
  version: string;
  log: Logger;
  metrics: Metrics;
  services: ApiServices;
}

export interface RunningApi {
  /** The address and port that it listens on. */
  address: string;
  port: number;
  /** For clients of this machine. */
  url: string;
  /** Takes no more requests, lets those under way finish for some seconds, then hangs up on the rest. */
  close(): Promise<void>;
}

/** A search under way may finish; with the workers' drain after it, all is over before a supervisor kills. */
const CLOSE_GRACE_MS = 5000;

/**
 * Serves the API and the web page. Raises `SettingsInvalid` where other machines could reach it without a token, and where the
 * address cannot be had.
 */
export async function startApi(options: ApiOptions): Promise<RunningApi> {
  const { host, port, apiToken, eventsToken, version, log, metrics, services } = options;
  // The starter asks before it opens anything else; here, because this is what listens.
  requireServable({ host, apiToken });
  const app = createApp(log.child({ part: 'api' }));
  hangUpWhenClosing(app);
  observe(app, metrics);
  guard(app, apiToken, eventsToken);
  answerErrors(app);
  openApiRoute(app, version);
  pageRoute(app);
  searchRoute(app, services, metrics);
  operationRoutes(app, services);
  reportRoutes(app, services);
  tierRoutes(app, services);
  eventRoutes(app, services);
  memoryRoutes(app, services);
  explainRoutes(app, services);
  pinRoutes(app, services);
  moveRoutes(app, services);
  uploadRoutes(app, services);
  quarantineRoutes(app, services);
  forgetRoutes(app, services);
  embeddingRoutes(app, services);
  repairRoutes(app, services);
  scrubRoutes(app, services);
  drillRoutes(app, services);
  mcpRoutes(app, { ...services, search: measured(services, metrics) }, version);
  probeRoutes(app, services, metrics, version);
  const bound = await listen(app, host, port);
  return {
    address: bound.address,
    port: bound.port,
    url: `http://${reachable(bound.address)}:${bound.port}`,
    close: () => close(app),
  };
}

async function listen(app: App, host: string, port: number): Promise<AddressInfo> {
  try {
    await app.listen({ host, port, listenTextResolver: (address) => `listening at ${address}` });
    const bound = app.server.address();
    if (bound === null || typeof bound === 'string') throw new Error('it has no port');
    return bound;
  } catch (error) {
    await app.close();
    throw new AkoshaError(
      'SettingsInvalid',
      `the HTTP server cannot listen at ${host}:${port} (${reason(error)}): set AKOSHA_PORT or AKOSHA_HOST to another, or end what uses it`,
      { cause: error },
    );
  }
}

function reason(error: unknown): string {
  if (error instanceof Error && 'code' in error && error.code === 'EADDRINUSE') return 'it is taken';
  return String(error);
}

/** An address that stands for all of a machine's is none to connect to. */
function reachable(address: string): string {
  if (address === '0.0.0.0') return '127.0.0.1';
  if (address === '::') return '[::1]';
  return isIPv6(address) ? `[${address}]` : address;
}

/** Otherwise a client that keeps its connection would hold up the close after its last answer. */
function hangUpWhenClosing(app: App): void {
  let closing = false;
  app.addHook('preClose', (done) => {
    closing = true;
    done();
  });
  app.addHook('onSend', (_request, reply, _payload, done) => {
    if (closing) reply.header('connection', 'close');
    done();
  });
}

async function close(app: App): Promise<void> {
  const timer = setTimeout(() => app.server.closeAllConnections(), CLOSE_GRACE_MS);
  await app.close();
  clearTimeout(timer);
}

import type { ApiServices, CircuitBreakerState } from '../api/index.js';
import type { AkoshaClient } from '../client/index.js';
import type { Settings } from '../config/index.js';
import { TIERS } from '../contract/index.js';
import type { ServerParts } from './server-parts.js';

export interface ServerState {
  /** Whether the workers take work from Temporal. */
  working: boolean;
  stopping: boolean;
}

export interface ServiceInputs {
  settings: Settings;
  version: string;
  parts: ServerParts;
  client: AkoshaClient;
  state: ServerState;
  onShutdown: () => void;
  describe: () => Record<string, unknown>;
}

/** What the API serves, over the parts of a running server. */
export function serverServices(inputs: ServiceInputs): ApiServices {
  const { parts, client, state } = inputs;
  return {
    search: (request, signal) => parts.search.search(request, signal),
    triggerIngest: () => client.runDailyIngest({ wait: false }),
    circuitBreakers: () => parts.health.map(breakerOf),
    shutdown: inputs.onShutdown,
    status: () => describeServer(inputs),
    tiers: () => parts.store.countTiers(),
    readiness: () =>
      Promise.resolve({
        ready: isReady(inputs),
        checks: {
          store: parts.store.failure()?.message ?? 'ok',
          workers: state.working ? 'ok' : 'not connected to Temporal',
          process: state.stopping ? 'shutting down' : 'ok',
        },
      }),
  };
}

/** A store that lost a part does not mend itself: whoever watches readiness is to restart the process. */
function isReady({ parts, state }: ServiceInputs): boolean {
  return state.working && !state.stopping && parts.store.failure() === undefined;
}

/** No call is held back: the state tells that calls go through, the counts how they have gone. */
function breakerOf({ name, failures, lastFailureAt }: ServerParts['health'][number]): CircuitBreakerState {
  return { name, state: 'closed', failures, lastFailureAt, retryAt: null };
}

async function describeServer(inputs: ServiceInputs): Promise<Record<string, unknown>> {
  const { settings, version, parts, client, state, describe } = inputs;
  const tiers = await parts.store.countTiers();
  return {
    version,
    ready: isReady(inputs),
    temporal: {
      address: client.connection.address,
      namespace: client.connection.namespace,
      connected: state.working,
    },
    object_store: parts.uploads.url,
    archive_store: parts.archive.url,
    clock: settings.clock,
    uploads: await parts.store.countUploads(),
    rows: Object.fromEntries(TIERS.map((tier) => [tier, tiers[tier].rows])),
    ...describe(),
  };
}

import { createServer } from 'node:http';
import { AkoshaError, messageOf } from '../contract/index.js';
import type { CircuitBreakers } from '../runtime/index.js';
import {
  createRegistry,
  observeCircuitBreakers,
  observeProcess,
  renderMetrics,
  type MetricsTarget,
} from '../telemetry/index.js';

/** The metrics of a process that is an agent and nothing else; what the server counts is not among them. */
export function agentMetrics(breakers: CircuitBreakers): MetricsTarget {
  const metrics = { registry: createRegistry() };
  observeProcess(metrics);
  observeCircuitBreakers(metrics, () => breakers.statuses());
  return metrics;
}

/**
 * Serves `GET /metrics`, with nothing of the server's that an agent would have to load for it. Returns how to end it. Raises
 * `SettingsInvalid` where the address cannot be had.
 */
export async function serveMetrics(address: string, metrics: MetricsTarget): Promise<() => Promise<void>> {
  const server = createServer((request, response) => {
    if (request.method !== 'GET' || request.url !== '/metrics') {
      response.writeHead(404).end();
      return;
    }
    renderMetrics(metrics).then(
      ({ contentType, body }) => response.writeHead(200, { 'content-type': contentType }).end(body),
      (error: unknown) => response.writeHead(500).end(messageOf(error)),
    );
  });
  const [, host = '', port = ''] = /^\[?(.*?)\]?:(\d+)$/.exec(address) ?? [];
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject).listen({ host, port: Number(port) }, resolve);
    });
  } catch (error) {
    throw new AkoshaError(
      'SettingsInvalid',
      `the agent cannot serve its metrics at ${address} (${messageOf(error)}): set metrics_address (AKOSHA_METRICS_ADDRESS) to another, or end what uses it`,
      { cause: error },
    );
  }
  return async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
}

import type { Metrics } from '../telemetry/index.js';
import type { App } from './app.js';

/** Asked every few seconds: at a higher level they would be most of the log. */
const ROUTINE = new Set(['/health', '/ready', '/metrics']);

/**
 * Counts and logs every answer, by route pattern: a URL, a body or a header may hold what somebody remembers. The request's id
 * goes back with the answer, so that a report of trouble can name it.
 */
export function observe(app: App, metrics: Metrics): void {
  app.addHook('onRequest', (request, reply, done) => {
    reply.header('x-request-id', request.id);
    done();
  });
  app.addHook('onResponse', (request, reply, done) => {
    const { method } = request;
    const route = request.routeOptions.url ?? 'unmatched';
    metrics.httpRequests.inc({ route, method, status: reply.statusCode });
    request.log[ROUTINE.has(route) ? 'debug' : 'info'](
      { requestId: request.id, method, route, status: reply.statusCode, ms: Math.round(reply.elapsedTime) },
      'request answered',
    );
    done();
  });
}

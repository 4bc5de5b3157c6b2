import { z } from 'zod';
import { TIERS } from '../contract/index.js';
import { renderMetrics, type Metrics } from '../telemetry/index.js';
import type { App } from './app.js';
import { callerGone } from './caller.js';
import { toBreakerReply } from './circuit-breakers.js';
import { PAGE, PAGE_HEADERS } from './page.js';
import * as schema from './schemas.js';
import { SearchBody, SearchReply, toSearchReply, toSearchRequest } from './search-schemas.js';
import type { ApiServices } from './services.js';

/** `POST /api/v1/search`. A client that hangs up ends its search. */
export function searchRoute(app: App, services: ApiServices, metrics: Metrics): void {
  // A series that began with its first partial answer would tell of no increase by it.
  for (const tier of TIERS) metrics.searchPartial.inc({ tier }, 0);
  app.post(
    '/api/v1/search',
    {
      schema: {
        summary: 'Search all tiers by meaning and by words',
        body: SearchBody,
        response: { 200: SearchReply, ...schema.FAILURES },
      },
    },
    async (request, reply) => {
      const search = measured(services, metrics);
      return toSearchReply(
        request.body.query,
        await search(toSearchRequest(request.body), callerGone(reply)),
      );
    },
  );
}

/** The search, told to the metrics. */
export function measured(services: ApiServices, metrics: Metrics): ApiServices['search'] {
  return async (request, signal) => {
    const stop = metrics.searchDuration.startTimer();
    const answer = await services.search(request, signal);
    stop();
    for (const { tier } of answer.partial) metrics.searchPartial.inc({ tier });
    return answer;
  };
}

/** What operates the program. */
export function operationRoutes(app: App, services: ApiServices): void {
  app.post(
    '/api/v1/ingestion/trigger',
    {
      schema: {
        summary: 'Walk object storage for new uploads now, or join the walk that does',
        querystring: schema.NoQueryString,
        body: schema.TriggerBody,
        response: { 202: schema.TriggerReply, ...schema.FAILURES },
      },
    },
    async (request, reply) => {
      const { workflowId, runId } = await services.triggerIngest(request.body?.system_id);
      return reply.code(202).send({ workflow_id: workflowId, run_id: runId });
    },
  );
  app.post(
    '/api/v1/shutdown',
    {
      schema: {
        summary: 'Finish what is under way, then end the process',
        response: { 202: schema.ShutdownReply, ...schema.FAILURES },
      },
    },
    async (request, reply) => {
      request.log.info({ requestId: request.id }, 'shutdown asked for over HTTP');
      // On close and not on finish: it also comes where the client did not wait for the answer.
      reply.raw.once('close', () => services.shutdown());
      return reply.code(202).send({ status: 'shutting_down' });
    },
  );
  app.get(
    '/api/v1/circuit_breakers',
    {
      schema: {
        summary: 'The remotes that are called, and how calls to them have gone',
        response: { 200: schema.CircuitBreakersReply, ...schema.FAILURES },
      },
    },
    () => ({ circuit_breakers: services.circuitBreakers().map(toBreakerReply) }),
  );
}

/** What tells about the program. */
export function reportRoutes(app: App, services: ApiServices): void {
  app.get(
    '/api/v1/status',
    {
      schema: {
        summary: 'What `akosha status` tells; with `system_id` also how far behind that system is',
        querystring: z.object({ system_id: schema.SystemId.optional() }),
        response: { 200: schema.StatusReply, ...schema.FAILURES },
      },
    },
    ({ query }) => services.status(query.system_id),
  );
}

/** Probes and metrics. `/health` touches nothing: it is asked every few seconds, and a slow answer has the process killed. */
export function probeRoutes(app: App, services: ApiServices, metrics: Metrics, version: string): void {
  app.get(
    '/health',
    { schema: { summary: 'The process runs', response: { 200: schema.HealthReply } } },
    () => ({ status: 'ok' as const, service: 'akosha' as const, version }),
  );
  app.get(
    '/ready',
    {
      schema: {
        summary: 'The server can do its work',
        response: { 200: schema.ReadyReply, 503: schema.ReadyReply },
      },
    },
    async (_request, reply) => {
      const { ready, checks } = await services.readiness();
      return ready
        ? reply.code(200).send({ status: 'ready', checks })
        : reply.code(503).send({ status: 'not_ready', checks });
    },
  );
  app.get(
    '/metrics',
    { schema: { summary: 'Metrics in the text format of Prometheus' } },
    async (_request, reply) => {
      const { contentType, body } = await renderMetrics(metrics);
      return reply.header('content-type', contentType).send(body);
    },
  );
}

export function pageRoute(app: App): void {
  app.get('/', { schema: { summary: 'A page to search from' } }, (_request, reply) => {
    reply.headers(PAGE_HEADERS).send(PAGE);
  });
}

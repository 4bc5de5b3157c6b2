import { randomUUID } from 'node:crypto';
import Fastify, { LogController } from 'fastify';
import { serializerCompiler, validatorCompiler, type ZodTypeProvider } from 'fastify-type-provider-zod';
import type { Logger } from '../telemetry/index.js';

/** A search request is a text and some names. A larger body is a mistake, and would be held in memory to find that out. */
export const MAX_BODY_BYTES = 1_048_576;

/** For a client to send its whole request: a body of the full size at 20 kB/s. One that stalls must not hold a socket. */
const RECEIVE_TIMEOUT_MS = 60_000;

export type App = ReturnType<typeof createApp>;

/** Fastify, set up and without routes. */
export function createApp(log: Logger) {
  const app = Fastify({
    loggerInstance: log,
    // Its own lines hold URLs, and so whatever a client put there; ours name the route.
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: () => randomUUID(),
    bodyLimit: MAX_BODY_BYTES,
    requestTimeout: RECEIVE_TIMEOUT_MS,
    forceCloseConnections: 'idle',
  }).withTypeProvider<ZodTypeProvider>();
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  // Nothing but JSON: a browser sends text/plain to any site without asking that site first. An empty body is fine, since
  // many clients name a content type on every POST.
  const parse = app.getDefaultJsonParser('error', 'error');
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body === '') done(null, undefined);
    else void parse(request, body.toString(), done);
  });
  return app;
}

import { createHash, timingSafeEqual } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { App } from './app.js';
import { errorBody } from './errors.js';
import { PAGE, PAGE_HEADERS } from './page.js';

/** They tell nothing but that the server runs, and probes carry no token. */
const OPEN_ROUTES = new Set(['/health', '/ready']);

/** With a token, every route but the probes asks for it. Without one, only this machine's own programs are answered. */
export function guard(app: App, token: string | undefined): void {
  const check = token === undefined ? refuseOtherSites : requireToken(token);
  app.addHook('onRequest', (request, reply, done) => {
    if (OPEN_ROUTES.has(request.routeOptions.url ?? '') || check(request, reply)) done();
  });
}

/** Whether the request may go on; if not, it has been answered. */
type Check = (request: FastifyRequest, reply: FastifyReply) => boolean;

function requireToken(token: string): Check {
  const expected = digest(`Bearer ${token}`);
  return (request, reply) => {
    const given = request.headers.authorization;
    if (given !== undefined && timingSafeEqual(digest(normalized(given)), expected)) return true;
    reply.code(401).header('www-authenticate', challenge(given));
    // A browser shows the page all the same, which asks for the token: it is no secret, and can do nothing without.
    const message = 'a token is needed: send the header Authorization: Bearer TOKEN (AKOSHA_API_TOKEN)';
    if (request.routeOptions.url === '/' && request.headers.accept?.includes('text/html') === true)
      reply.headers(PAGE_HEADERS).send(PAGE);
    else reply.send(errorBody('Unauthorized', message));
    return false;
  };
}

/** The scheme's name is not case-sensitive (RFC 9110, 11.1). */
function normalized(authorization: string): string {
  return authorization.replace(/^bearer +/i, 'Bearer ');
}

/** RFC 6750, 3: `invalid_token` only where one was sent. */
function challenge(given: string | undefined): string {
  return given === undefined ? 'Bearer realm="akosha"' : 'Bearer realm="akosha", error="invalid_token"';
}

/** Of one length, whatever was sent: comparing takes the same time then. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/**
 * A web page of any site can have the user's browser send requests to a loopback port: directly, or under a name of its own that it
 * points here (DNS rebinding). The first shows in `Origin`, the second in `Host`.
 */
const refuseOtherSites: Check = (request, reply) => {
  const { host = '', origin } = request.headers;
  if (isLoopbackName(host) && (origin === undefined || originHost(origin) === host)) return true;
  const message =
    'without a token only programs of this machine are answered, at 127.0.0.1 or localhost; set AKOSHA_API_TOKEN to serve others';
  reply.code(403).send(errorBody('Forbidden', message));
  return false;
};

function isLoopbackName(host: string): boolean {
  return /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/i.test(host);
}

/** Undefined for `null`, which a page without an address of its own sends. */
function originHost(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined;
}

import { createHash, timingSafeEqual } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { App } from './app.js';
import { errorBody } from './errors.js';
import { LOGIN_PAGE, PAGE_HEADERS } from './page.js';

/** They tell nothing but that the server runs, and probes carry no token. */
const OPEN_ROUTES = new Set(['/health', '/ready']);

/** Where object stores post their events: they may have a token that is good for nothing else. */
export const EVENTS_ROUTE = '/api/v1/events/objects';

/** With a token, every route but the probes asks for it. Without one, only this machine's own programs are answered. */
export function guard(app: App, token: string | undefined, eventsToken: string | undefined): void {
  const checkAll = token === undefined ? refuseOtherSites : requireToken([token]);
  const tokens = [token, eventsToken].filter((one) => one !== undefined);
  const checkEvents = eventsToken === undefined ? checkAll : requireToken(tokens);
  app.addHook('onRequest', (request, reply, done) => {
    const { url = '' } = request.routeOptions;
    const check = url === EVENTS_ROUTE ? checkEvents : checkAll;
    if (OPEN_ROUTES.has(url) || check(request, reply)) done();
  });
}

/** Whether the request may go on; if not, it has been answered. */
type Check = (request: FastifyRequest, reply: FastifyReply) => boolean;

function requireToken(tokens: readonly string[]): Check {
  const expected = tokens.map(digest);
  return (request, reply) => {
    const given = credentialsOf(request.headers.authorization);
    if (given === undefined || !isOneOf(digest(given.token), expected)) askForToken(request, reply);
    else if (given.scheme === 'basic' && !isHarmless(request) && !isFromOwnPage(request))
      forbid(reply, 'a login is good for this server’s own page only: send Authorization: Bearer TOKEN');
    else return true;
    return false;
  };
}

interface Credentials {
  scheme: 'bearer' | 'basic';
  token: string;
}

/**
 * Programs send `Bearer TOKEN` (RFC 6750). A browser asks its user by itself where it is offered Basic (RFC 7617), and then
 * sends base64 of `user:password` with all that it asks of us: the password is the token, the user does not matter. Names of
 * schemes are not case-sensitive (RFC 9110, 11.1).
 */
function credentialsOf(authorization = ''): Credentials | undefined {
  const [, scheme = '', value = ''] = /^(bearer|basic) +(.+)$/i.exec(authorization) ?? [];
  if (scheme.toLowerCase() === 'bearer') return { scheme: 'bearer', token: value };
  const [, password] = /^[^:]*:(.*)$/.exec(Buffer.from(value, 'base64').toString('utf8')) ?? [];
  return password === undefined ? undefined : { scheme: 'basic', token: password };
}

/**
 * A browser that comes to look is offered its own login window; scripts and programs are not, because a window would open in
 * the middle of whatever they do.
 */
function askForToken(request: FastifyRequest, reply: FastifyReply): void {
  const { accept = '', authorization } = request.headers;
  reply.code(401);
  if (isHarmless(request) && accept.includes('text/html')) {
    reply.header('www-authenticate', 'Basic realm="akosha", charset="UTF-8"').headers(PAGE_HEADERS);
    reply.send(LOGIN_PAGE);
    return;
  }
  const message = 'a token is needed: send the header Authorization: Bearer TOKEN (AKOSHA_API_TOKEN)';
  reply.header('www-authenticate', challenge(authorization)).send(errorBody('Unauthorized', message));
}

/** RFC 6750, 3: `invalid_token` only where one was sent. */
function challenge(given: string | undefined): string {
  return given === undefined ? 'Bearer realm="akosha"' : 'Bearer realm="akosha", error="invalid_token"';
}

/** Of one length, whatever was sent: comparing takes the same time then. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

function isOneOf(given: Buffer, expected: readonly Buffer[]): boolean {
  return expected.filter((one) => timingSafeEqual(given, one)).length > 0;
}

/** Changes nothing, and no other site's page can read what it is answered. */
function isHarmless({ method }: FastifyRequest): boolean {
  return method === 'GET' || method === 'HEAD';
}

/**
 * A browser adds a login to whatever any site's page has it send here, so a login alone does not say who asks. All browsers name
 * the page's site in `Origin` where a request may change something.
 */
function isFromOwnPage({ headers: { host, origin } }: FastifyRequest): boolean {
  return origin !== undefined && originHost(origin) === host;
}

/**
 * A web page of any site can have the user's browser send requests to a loopback port: directly, or under a name of its own that it
 * points here (DNS rebinding). The first shows in `Origin`, the second in `Host`.
 */
const refuseOtherSites: Check = (request, reply) => {
  const { host = '', origin } = request.headers;
  if (isLoopbackName(host) && (origin === undefined || originHost(origin) === host)) return true;
  forbid(
    reply,
    'without a token only programs of this machine are answered, at 127.0.0.1 or localhost; set AKOSHA_API_TOKEN to serve others',
  );
  return false;
};

function forbid(reply: FastifyReply, message: string): void {
  reply.code(403).send(errorBody('Forbidden', message));
}

function isLoopbackName(host: string): boolean {
  return /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/i.test(host);
}

/** Undefined for `null`, which a page without an address of its own sends. */
function originHost(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined;
}

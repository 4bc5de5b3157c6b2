import { request } from 'node:http';
import { describe, expect, it } from 'vitest';
import { AkoshaError } from '../../src/contract/index.js';
import { serve, type TestApi } from './support.js';

const TOKEN = 'a-token-of-enough-letters';
const ready = { readiness: () => Promise.resolve({ ready: true, checks: {} }) };

/** As any program can send it; `fetch` sets `Host` and `Origin` itself. */
function statusFor(api: TestApi, path: string, headers: Record<string, string>): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    request(api.url + path, { headers }, (response) => {
      response.resume().on('end', () => resolve(response.statusCode));
    })
      .on('error', reject)
      .end();
  });
}

describe('with a token', () => {
  it.each([
    ['GET', '/'],
    ['POST', '/api/v1/search'],
    ['POST', '/api/v1/ingestion/trigger'],
    ['POST', '/api/v1/shutdown'],
    ['GET', '/api/v1/circuit_breakers'],
    ['GET', '/api/v1/status'],
    ['GET', '/api/v1/tiers'],
    ['GET', '/api/v1/openapi.json'],
    ['POST', '/mcp'],
    ['GET', '/status'],
    ['GET', '/metrics'],
    ['GET', '/no/such/path'],
    ['PUT', '/health'],
  ])('%s %s asks for it', async (method, path) => {
    const api = await serve({}, { apiToken: TOKEN });
    const response = await fetch(api.url + path, { method });
    expect(response.status).toBe(401);
    expect(response.headers.get('www-authenticate')).toBe('Bearer realm="akosha"');
    expect(await response.json()).toMatchObject({ error: { code: 'Unauthorized' } });
  });

  it.each(['/health', '/ready'])('%s does not', async (path) => {
    expect((await (await serve(ready, { apiToken: TOKEN })).get(path)).status).toBe(200);
  });

  it.each([`Bearer ${TOKEN}`, `bearer ${TOKEN}`])('takes "%s"', async (authorization) => {
    expect((await (await serve({}, { apiToken: TOKEN })).get('/metrics', { authorization })).status).toBe(
      200,
    );
  });

  it.each([
    TOKEN,
    `Basic ${TOKEN}`,
    `Bearer ${TOKEN}x`,
    `Bearer ${TOKEN.slice(1)}`,
    'Bearer',
    `Bearer x${TOKEN}`,
  ])('refuses "%s"', async (authorization) => {
    const response = await (await serve({}, { apiToken: TOKEN })).get('/metrics', { authorization });
    expect(response.status).toBe(401);
    expect(response.headers.get('www-authenticate')).toContain('error="invalid_token"');
  });

  it('is asked for before a body is read, and is not logged', async () => {
    const api = await serve({}, { apiToken: TOKEN });
    expect((await api.post('/api/v1/search', '{broken')).status).toBe(401);
    await api.get('/metrics', { authorization: `Bearer ${TOKEN}` });
    expect(api.logged()).not.toContain(TOKEN);
  });

  it('answers under any name', async () => {
    const api = await serve({}, { apiToken: TOKEN });
    const headers = { authorization: `Bearer ${TOKEN}`, host: 'akosha.example.org' };
    expect(await statusFor(api, '/metrics', headers)).toBe(200);
  });
});

describe('a browser, with a token', () => {
  const LOOKS = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' };
  const login = (password: string, user = 'anybody'): string =>
    `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
  const search = (api: TestApi, headers: Record<string, string>) =>
    api.post('/api/v1/search', { query: 'zebra' }, { authorization: login(TOKEN), ...headers });
  const searching = { search: () => Promise.reject(new AkoshaError('StoreClosed', 'was asked')) };

  it.each(['/', '/metrics', '/no/such/path'])(
    'that comes to %s is offered its own login window',
    async (path) => {
      const response = await (await serve({}, { apiToken: TOKEN })).get(path, LOOKS);
      expect(response.status).toBe(401);
      expect(response.headers.get('www-authenticate')).toBe('Basic realm="akosha", charset="UTF-8"');
      expect(response.headers.get('content-type')).toMatch(/^text\/html/);
      const page = await response.text();
      expect(page).toContain('AKOSHA_API_TOKEN');
      expect(page).not.toContain('<script');
    },
  );

  it('gets the page with the token as password, whoever the user', async () => {
    const api = await serve({}, { apiToken: TOKEN });
    for (const authorization of [login(TOKEN), login(TOKEN, ''), login(TOKEN).replace('Basic', 'basic')]) {
      const response = await api.get('/', { ...LOOKS, authorization });
      expect(response.status).toBe(200);
      expect(await response.text()).toContain('id="search"');
    }
  });

  it.each([
    ['another password', login(`${TOKEN}x`)],
    ['the token as user', login('', TOKEN)],
    ['no colon', `Basic ${Buffer.from(TOKEN).toString('base64')}`],
    ['an empty login', 'Basic '],
  ])('is asked again for %s', async (_case, authorization) => {
    const response = await (await serve({}, { apiToken: TOKEN })).get('/', { ...LOOKS, authorization });
    expect(response.status).toBe(401);
    expect(response.headers.get('www-authenticate')).toMatch(/^Basic/);
  });

  it('searches from the page with its login', async () => {
    const api = await serve(searching, { apiToken: TOKEN });
    const { error } = (await (await search(api, { origin: api.url })).json()) as { error: { code: string } };
    expect(error.code).toBe('StoreClosed');
  });

  it.each([
    ['another site', { origin: 'https://example.org' }],
    ['another port', { origin: 'http://127.0.0.1:1' }],
    ['nowhere', { origin: 'null' }],
    ['a site that is not named', {}],
  ])('does nothing for a page from %s, whose requests it adds its login to', async (_who, headers) => {
    const api = await serve(searching, { apiToken: TOKEN });
    const response = await search(api, headers);
    expect(response.status).toBe(403);
    expect(await response.json()).toMatchObject({ error: { code: 'Forbidden' } });
  });

  it('is not interrupted by a login window where a script of the page asks', async () => {
    const api = await serve({}, { apiToken: TOKEN });
    const response = await api.post('/api/v1/search', {}, { accept: '*/*', authorization: login('old') });
    expect(response.status).toBe(401);
    expect(response.headers.get('www-authenticate')).toMatch(/^Bearer/);
  });
});

describe('without a token', () => {
  it.each([
    ['localhost', { host: 'localhost:8682' }, 200],
    ['the IPv6 loopback', { host: '[::1]:8682' }, 200],
    ['another loopback address', { host: '127.0.0.2' }, 200],
    ['a name that only resolves here', { host: 'rebound.example.org' }, 403],
    ['a name that begins like it', { host: 'localhost.example.org' }, 403],
    ['a page of another site', { host: 'localhost:8682', origin: 'https://example.org' }, 403],
    ['a page of another port', { host: 'localhost:8682', origin: 'http://localhost:3000' }, 403],
    ['a page without an address', { host: 'localhost:8682', origin: 'null' }, 403],
    ['its own page', { host: 'localhost:8682', origin: 'http://localhost:8682' }, 200],
  ])('answers by who asks: %s', async (_who, headers, status) => {
    expect(await statusFor(await serve(), '/metrics', headers)).toBe(status);
  });

  it('does not shut down for a page of another site', async () => {
    let calls = 0;
    const api = await serve({ shutdown: () => void calls++ });
    const response = await api.post('/api/v1/shutdown', undefined, { origin: 'https://example.org' });
    expect(response.status).toBe(403);
    expect(await response.json()).toMatchObject({ error: { code: 'Forbidden' } });
    await api.close();
    expect(calls).toBe(0);
  });
});

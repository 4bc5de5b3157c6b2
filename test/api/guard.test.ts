import { request } from 'node:http';
import { describe, expect, it } from 'vitest';
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

  it('gives a browser the page that asks for it', async () => {
    const response = await (await serve({}, { apiToken: TOKEN })).get('/', { accept: 'text/html,*/*' });
    expect(response.status).toBe(401);
    expect(response.headers.get('content-type')).toMatch(/^text\/html/);
    expect(await response.text()).toContain('id="token"');
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

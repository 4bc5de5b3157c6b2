import { request } from 'node:http';
import { describe, expect, it } from 'vitest';
import { AkoshaError } from '../../src/contract/index.js';
import { CircuitBreaker } from '../../src/runtime/index.js';
import { serve } from './support.js';

describe('the operating routes', () => {
  it('start the daily ingest, of all systems', async () => {
    const asked: (string | undefined)[] = [];
    const api = await serve({
      triggerIngest: (systemId) => {
        asked.push(systemId);
        return Promise.resolve({ workflowId: 'daily-ingest/x', runId: 'r' });
      },
    });
    for (const response of [
      await api.post('/api/v1/ingestion/trigger'),
      await api.post('/api/v1/ingestion/trigger', {}),
      await api.post('/api/v1/ingestion/trigger', '', { 'content-type': 'application/json' }),
    ]) {
      expect(response.status).toBe(202);
      expect(await response.json()).toEqual({ workflow_id: 'daily-ingest/x', run_id: 'r' });
    }
    expect(asked).toEqual([undefined, undefined, undefined]);
    await api.post('/api/v1/ingestion/trigger', { system_id: 'laptop-7' });
    expect(asked.at(-1)).toBe('laptop-7');
  });

  it.each([
    ['an unknown field', '', { systemId: 'x' }, 'systemId is not known here'],
    ['a name that is none', '', { system_id: '../x' }, 'system_id must be 1 to 100 letters'],
    ['a text', '', '"laptop"', 'the body'],
    ['a list', '', '[]', 'the body'],
    ['a field of the query string', '?system_id=laptop', undefined, 'system_id is not known here'],
  ])('start no ingest for %s', async (_case, query, body, message) => {
    const response = await (await serve()).post(`/api/v1/ingestion/trigger${query}`, body);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({
      error: { code: 'BadRequest', message: expect.stringContaining(message) },
    });
  });

  it('shut the program down after the answer is out', async () => {
    let calls = 0;
    const api = await serve({ shutdown: () => void calls++ });
    const response = await api.post('/api/v1/shutdown');
    expect(response.status).toBe(202);
    expect(await response.json()).toEqual({ status: 'shutting_down' });
    await expect.poll(() => calls).toBe(1);
  });

  it('tell circuit breakers, status and tiers', async () => {
    const kinds = { conversation: 1, reflection: 2, entity: 3, relation: 4 };
    const tier = { rows: 10, bytes: 4096, usedBytes: 2048, kinds };
    const told = { rows: 10, bytes: 4096, used_bytes: 2048, bytes_per_memory: 205, kinds };
    const none = { rows: 0, bytes: 4096, used_bytes: 0, bytes_per_memory: null, kinds };
    const api = await serve({
      circuitBreakers: () => [
        {
          name: 'object-store',
          state: 'open',
          failures: 5,
          lastFailureAt: 1000,
          lastFailure: 'HTTP 503',
          openedAt: 1000,
          retryAt: 61_000,
          calls: { succeeded: 7, failed: 5, refused: 2 },
          openings: 1,
        },
        new CircuitBreaker({ name: 'temporal' }).status(),
      ],
      status: () => Promise.resolve({ mode: 'normal', pid: 1, ports: { api: 2 } }),
      tiers: () => Promise.resolve({ hot: tier, warm: tier, cold: { ...tier, rows: 0, usedBytes: 0 } }),
      tierPause: () => Promise.resolve(undefined),
    });
    expect(await (await api.get('/api/v1/circuit_breakers')).json()).toEqual({
      circuit_breakers: [
        {
          name: 'object-store',
          state: 'open',
          failures: 5,
          last_failure: 'HTTP 503',
          last_failure_at: '1970-01-01T00:00:01.000Z',
          opened_at: '1970-01-01T00:00:01.000Z',
          retry_at: '1970-01-01T00:01:01.000Z',
          calls: { succeeded: 7, failed: 5, refused: 2 },
        },
        {
          name: 'temporal',
          state: 'closed',
          failures: 0,
          last_failure: null,
          last_failure_at: null,
          opened_at: null,
          retry_at: null,
          calls: { succeeded: 0, failed: 0, refused: 0 },
        },
      ],
    });
    expect(await (await api.get('/api/v1/status')).json()).toEqual({
      mode: 'normal',
      pid: 1,
      ports: { api: 2 },
    });
    expect(await (await api.get('/api/v1/tiers')).json()).toEqual({
      tiers: { hot: told, warm: told, cold: none },
      paused: null,
    });
  });

  it('tell health without asking anything', async () => {
    const response = await (await serve()).get('/health');
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({ status: 'ok', service: 'akosha', version: '1.2.3' });
  });

  it.each([
    [true, 200, 'ready'],
    [false, 503, 'not_ready'],
  ])('tell readiness %s with its checks', async (ready, status, text) => {
    const checks = { store: 'ok', temporal: ready ? 'ok' : 'does not answer' };
    const response = await (
      await serve({ readiness: () => Promise.resolve({ ready, checks }) })
    ).get('/ready');
    expect(response.status).toBe(status);
    expect(await response.json()).toEqual({ status: text, checks });
  });

  it('give metrics in the text format, requests counted by route and not by URL', async () => {
    const api = await serve();
    await api.get('/health?a=1');
    await api.get('/nothing/here');
    const response = await api.get('/metrics');
    expect(response.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
    const text = await response.text();
    expect(text).toContain('akosha_http_requests_total{route="/health",method="GET",status="200"} 1');
    expect(text).toContain('akosha_http_requests_total{route="unmatched",method="GET",status="404"} 1');
  });

  it('describe themselves, all of them', async () => {
    const response = await (await serve()).get('/api/v1/openapi.json');
    const { openapi, paths } = (await response.json()) as { openapi: string; paths: Record<string, object> };
    expect(openapi).toBe('3.1.0');
    expect(
      Object.entries(paths).flatMap(([url, item]) => Object.keys(item).map((method) => `${method} ${url}`)),
    ).toEqual([
      'get /api/v1/openapi.json',
      'get /',
      'post /api/v1/search',
      'post /api/v1/ingestion/trigger',
      'post /api/v1/shutdown',
      'get /api/v1/circuit_breakers',
      'get /api/v1/status',
      'get /api/v1/tiers',
      'get /api/v1/tiers/plan',
      'get /api/v1/tiers/transitions',
      'post /api/v1/tiers/pause',
      'post /api/v1/tiers/resume',
      'post /api/v1/events/objects',
      'get /api/v1/systems/{system_id}/memories',
      'get /api/v1/systems/{system_id}/memories/explain',
      'get /api/v1/systems/{system_id}/uploads/{upload_id}/explain',
      'get /api/v1/pins',
      'post /api/v1/pins',
      'post /api/v1/pins/remove',
      'post /api/v1/move',
      'post /api/v1/thaw',
      'get /api/v1/systems/{system_id}/uploads/{upload_id}',
      'post /api/v1/systems/{system_id}/uploads/{upload_id}/again',
      'get /api/v1/systems/{system_id}/uploads',
      'get /api/v1/uploads',
      'get /api/v1/quarantine',
      'post /api/v1/quarantine/{system_id}/{upload_id}/retry',
      'post /api/v1/quarantine/{system_id}/{upload_id}/drop',
      'post /api/v1/forget',
      'get /api/v1/forget',
      'post /api/v1/forget/preview',
      'post /api/v1/forget/lift',
      'get /api/v1/forget/{scope}/{name}',
      'get /api/v1/reembed',
      'post /api/v1/reembed',
      'get /api/v1/repair',
      'post /api/v1/repair',
      'get /api/v1/scrub',
      'post /api/v1/scrub',
      'post /api/v1/scrub/release',
      'get /api/v1/drill',
      'post /api/v1/drill',
      'post /mcp',
      'post /mcp/v1',
      'post /mcp/mcp/v1',
      'post /tools/call',
      'post /mcp/tools/call',
      'get /status',
      'get /mcp/status',
      'get /health',
      'get /ready',
      'get /metrics',
    ]);
    expect(paths['/api/v1/ingestion/trigger']).toMatchObject({ post: { requestBody: { required: false } } });
    expect(JSON.stringify(paths['/api/v1/tiers'])).toMatch(/"bytes":\{[^}]*size of their database files/);
    expect(paths['/api/v1/search']).toMatchObject({
      post: {
        requestBody: {
          required: true,
          content: { 'application/json': { schema: { required: ['query'], additionalProperties: false } } },
        },
      },
    });
  });
});

describe('errors', () => {
  it.each([
    ['OrchestratorUnavailable', 503],
    ['ObjectStoreUnavailable', 503],
    ['StoreClosed', 503],
    ['BadRequest', 400],
    ['UploadReplaced', 409],
    ['MovingStopped', 409],
    ['ObjectNotFound', 404],
    ['StoreDamaged', 500],
  ] as const)('%s is status %i with type and message', async (type, status) => {
    const error = new AkoshaError(type, 'what and why', { details: { port: 7233 } });
    const response = await (
      await serve({ triggerIngest: () => Promise.reject(error) })
    ).post('/api/v1/ingestion/trigger');
    expect(response.status).toBe(status);
    expect(await response.json()).toEqual({
      error: { code: type, message: 'what and why', details: { port: 7233 } },
    });
  });

  it('that nobody foresaw show in the log and not to the client', async () => {
    const api = await serve({ status: () => Promise.reject(new TypeError('inner workings')) });
    const response = await api.get('/api/v1/status');
    const id = response.headers.get('x-request-id') ?? 'none';
    expect(response.status).toBe(500);
    expect(await response.json()).toEqual({
      error: { code: 'Internal', message: `internal error: the server's log has it as request ${id}` },
    });
    expect(api.logged()).toContain('inner workings');
    expect(api.logged()).toContain(id);
  });

  it('tell an unknown path from a known one with another method', async () => {
    const api = await serve();
    const unknown = await api.get('/api/v1/nothing?x=1');
    expect(unknown.status).toBe(404);
    expect(await unknown.json()).toMatchObject({
      error: { code: 'NotFound', message: 'there is no /api/v1/nothing here' },
    });
    const method = await api.get('/api/v1/search');
    expect(method.status).toBe(405);
    expect(method.headers.get('allow')).toBe('POST');
    expect(await method.json()).toMatchObject({ error: { code: 'MethodNotAllowed' } });
  });
});

describe('the address', () => {
  it('is any free port for 0, and told', async () => {
    const [first, second] = [await serve(), await serve()];
    expect(first.port).toBeGreaterThan(0);
    expect(first.port).not.toBe(second.port);
    expect(first.url).toBe(`http://127.0.0.1:${first.port}`);
  });

  it('is refused where another uses it', async () => {
    const { port } = await serve();
    await expect(serve({}, { port })).rejects.toMatchObject({
      type: 'SettingsInvalid',
      message: expect.stringMatching(/taken.*AKOSHA_PORT/),
    });
  });

  it('is refused where other machines can reach it without a token', async () => {
    await expect(serve({}, { host: '0.0.0.0' })).rejects.toMatchObject({
      type: 'SettingsInvalid',
      message: expect.stringContaining('AKOSHA_API_TOKEN'),
    });
    const api = await serve({}, { host: '0.0.0.0', apiToken: 'a-token-of-enough-letters' });
    expect((await fetch(`${api.url}/health`)).status).toBe(200);
  });
});

describe('closing', () => {
  it('lets a request under way finish and takes no other', async () => {
    let finish: (() => void) | undefined;
    const api = await serve({
      status: () => new Promise((resolve) => (finish = () => resolve({ done: true }))),
    });
    const underWay = api.get('/api/v1/status');
    await expect.poll(() => finish).toBeDefined();
    const closing = api.close();
    await expect(api.get('/health')).rejects.toThrow();
    finish?.();
    const finished = performance.now();
    expect(await (await underWay).json()).toEqual({ done: true });
    await closing;
    expect(performance.now() - finished).toBeLessThan(2000);
  });

  it('hangs up on a request that does not end', async () => {
    let asked = false;
    const api = await serve({
      status: () => {
        asked = true;
        return new Promise(() => undefined);
      },
    });
    const client = request(`${api.url}/api/v1/status`);
    const failed = new Promise((resolve) => client.on('error', resolve));
    client.end();
    await expect.poll(() => asked).toBe(true);
    const started = performance.now();
    await api.close();
    expect(performance.now() - started).toBeLessThan(8000);
    expect(await failed).toMatchObject({ code: 'ECONNRESET' });
  });
});

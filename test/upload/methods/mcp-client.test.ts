import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { CircuitBreaker } from '../../../src/runtime/index.js';
import { McpClient } from '../../../src/upload/methods/mcp-client.js';
import { addressOfNobody } from './support.js';

interface Seen {
  method: string;
  headers: IncomingMessage['headers'];
  message: { id?: number; method?: string };
}

type Answer = (seen: Seen, response: ServerResponse) => void;

/** A server that answers as told, which real ones do only on bad days. */
async function serve(answer: Answer): Promise<{ url: string; seen: Seen[] }> {
  const seen: Seen[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const text = Buffer.concat(chunks).toString();
      const message = text === '' ? {} : (JSON.parse(text) as Seen['message']);
      const one = { method: request.method ?? '', headers: request.headers, message };
      seen.push(one);
      answer(one, response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`, seen };
}

function json(
  response: ServerResponse,
  body: unknown,
  headers: Record<string, string> = {},
  status = 200,
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
}

const INITIALIZED = {
  protocolVersion: '2025-03-26',
  capabilities: {},
  serverInfo: { name: 'x', version: '1' },
};

/** Opens a session and leaves every later request to `answer`. */
function afterOpening(answer: Answer, headers: Record<string, string> = {}): Answer {
  return (seen, response) => {
    const { id, method } = seen.message;
    if (method === 'initialize') json(response, { jsonrpc: '2.0', id, result: INITIALIZED }, headers);
    else if (method === 'notifications/initialized') response.writeHead(202).end();
    else answer(seen, response);
  };
}

function open(url: string, timeoutMs = 5_000, signal?: AbortSignal): Promise<McpClient> {
  const breaker = new CircuitBreaker({ name: 'http-server', unavailable: 'ServerUnavailable' });
  return McpClient.open({ url, token: 'a-token-of-the-tests', timeoutMs, breaker, signal });
}

describe('McpClient', () => {
  it('begins a session, names it in every request, and ends it', async () => {
    const { url, seen } = await serve(
      afterOpening(
        ({ message }, response) => json(response, { id: message.id, result: { tools: [{ name: 'a' }] } }),
        {
          'mcp-session-id': 's1',
        },
      ),
    );
    const client = await open(url);
    expect(await client.listTools()).toEqual(new Set(['a']));
    await client.close();
    expect(seen.map(({ method, message }) => `${method} ${message.method ?? ''}`.trim())).toEqual([
      'POST initialize',
      'POST notifications/initialized',
      'POST tools/list',
      'DELETE',
    ]);
    for (const { headers } of seen.slice(1)) {
      expect(headers).toMatchObject({ 'mcp-session-id': 's1', 'mcp-protocol-version': '2025-03-26' });
    }
    expect(seen[0]?.headers).toMatchObject({
      authorization: 'Bearer a-token-of-the-tests',
      accept: 'application/json, text/event-stream',
    });
  });

  it('reads an answer out of a stream of events, past those that are none', async () => {
    const { url } = await serve(
      afterOpening(({ message }, response) => {
        const result = { content: [{ type: 'text', text: '{"status":"stored"}' }] };
        const event = JSON.stringify({ jsonrpc: '2.0', id: message.id, result });
        response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
        response.end(
          `: ping\n\nevent: message\ndata: {"jsonrpc":"2.0","method":"x"}\n\nevent: message\r\ndata: ${event}\r\n\r\n`,
        );
      }),
    );
    expect((await (await open(url)).callTool('t', {})).output).toEqual({ status: 'stored' });
  });

  it('follows the cursor through all pages of tools', async () => {
    let page = 0;
    const { url } = await serve(
      afterOpening(({ message }, response) => {
        page += 1;
        const more = page === 1 ? { nextCursor: 'c' } : {};
        json(response, { id: message.id, result: { tools: [{ name: `t${page}` }], ...more } });
      }),
    );
    expect(await (await open(url)).listTools()).toEqual(new Set(['t1', 't2']));
  });

  it('takes a text that is no JSON for a failure, with the text as its reason', async () => {
    const result = { content: [{ type: 'text', text: 'Error calling tool' }], isError: true };
    const { url } = await serve(
      afterOpening(({ message }, response) => json(response, { id: message.id, result })),
    );
    expect((await (await open(url)).callTool('t', {})).output).toEqual({
      status: 'failed',
      error: 'Error calling tool',
    });
  });

  it('sends nothing to where a server redirects it', async () => {
    const other = await serve((_, response) => response.end());
    const { url } = await serve((_, response) => response.writeHead(307, { location: other.url }).end());
    await expect(open(url)).rejects.toMatchObject({
      type: 'SettingsInvalid',
      message: expect.stringContaining('server_url'),
    });
    expect(other.seen).toEqual([]);
  });

  it.each([
    [401, 'SettingsInvalid'],
    [403, 'SettingsInvalid'],
    [404, 'SettingsInvalid'],
    [413, 'BadRequest'],
    [429, 'ServerUnavailable'],
    [500, 'ServerUnavailable'],
    [503, 'ServerUnavailable'],
  ])('raises for %i what a person has to do, or that it may pass', async (status, type) => {
    const { url } = await serve((_, response) => response.writeHead(status).end('why'));
    await expect(open(url)).rejects.toMatchObject({ type });
  });

  it('has a forgotten session begun anew by the next try', async () => {
    const { url } = await serve(
      afterOpening((_, response) => response.writeHead(404).end(), { 'mcp-session-id': 's' }),
    );
    await expect((await open(url)).listTools()).rejects.toMatchObject({ type: 'ServerUnavailable' });
  });

  it('gives up on an answer after the timeout, when it is cancelled, and where nobody listens', async () => {
    const { url } = await serve(() => undefined);
    await expect(open(url, 50)).rejects.toMatchObject({
      type: 'ServerUnavailable',
      message: expect.stringContaining('0.05 s'),
    });
    await expect(open(url, 5_000, AbortSignal.timeout(20))).rejects.toMatchObject({ type: 'Cancelled' });
    await expect(open(await addressOfNobody())).rejects.toMatchObject({ type: 'ServerUnavailable' });
  });

  it.each([
    ['no JSON', 'hello'],
    ['another message', { id: 99, result: {} }],
    ['no MCP', { id: 1, result: { hello: 1 } }],
  ])('says so where the answer is %s', async (_, body) => {
    const { url } = await serve((__, response) => json(response, body));
    await expect(open(url)).rejects.toMatchObject({ type: 'ServerUnavailable' });
  });

  it('raises the server’s own error for a request that it does not take', async () => {
    const { url } = await serve(
      afterOpening(({ message }, response) =>
        json(response, { id: message.id, error: { code: -32602, message: 'no such tool' } }),
      ),
    );
    await expect((await open(url)).callTool('t', {})).rejects.toMatchObject({
      type: 'BadRequest',
      message: expect.stringContaining('no such tool'),
    });
  });
});

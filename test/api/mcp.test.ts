import { readFileSync } from 'node:fs';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { describe, expect, it, onTestFinished } from 'vitest';
import { AUTHORIZED, call, CONVERSATION, serveMemories, VECTOR } from './mcp-support.js';
import type { TestApi } from './support.js';

describe('a client of MCP', () => {
  async function connect(api: TestApi): Promise<Client> {
    const client = new Client({ name: 'test', version: '1' });
    const transport = new StreamableHTTPClientTransport(new URL(`${api.url}/mcp`), {
      requestInit: { headers: AUTHORIZED },
    });
    await client.connect(transport);
    onTestFinished(() => client.close());
    return client;
  }

  it('finds the tools under the original’s names, each with what the original takes', async () => {
    const { api } = await serveMemories();
    const { tools } = await (await connect(api)).listTools();
    expect(tools.map(({ name }) => name)).toEqual([
      'store_memory',
      'batch_store_memories',
      'store_reflection',
      'create_entity',
      'create_relation',
      'search_all_systems',
    ]);
    const originals = JSON.parse(readFileSync('test/api/original-mcp-tools.json', 'utf8')) as {
      name: string;
      inputSchema: { properties: object; required: string[] };
    }[];
    for (const original of originals) {
      const tool = tools.find(({ name }) => name === original.name);
      expect(Object.keys(tool?.inputSchema.properties ?? {})).toEqual(
        Object.keys(original.inputSchema.properties),
      );
      expect(tool?.inputSchema.required).toEqual(original.inputSchema.required);
    }
  });

  it('stores a memory, and reads the answer as structured content and as text', async () => {
    const { api, accepted } = await serveMemories();
    const client = await connect(api);
    const result = await client.callTool({ name: 'store_memory', arguments: CONVERSATION });
    const output = {
      status: 'stored',
      memory_id: CONVERSATION.memory_id,
      stored_at: '2026-11-22T12:00:00.000Z',
      embedding_dim: 384,
      source: 'macbook-pro.local',
      order: 7,
      uploads: [{ system_id: 'x--macbook-pro_2Elocal', upload_id: '01JD-00112233445566aa' }],
    };
    expect(result).toMatchObject({ isError: false, structuredContent: output });
    const [text] = result.content;
    expect(text?.type === 'text' && JSON.parse(text.text)).toEqual(output);
    expect(accepted).toHaveLength(1);
  });

  it('has what it stores belong to its trace, where it names one as W3C does', async () => {
    const { api, accepted } = await serveMemories();
    const traceparent = `00-${'ab'.repeat(16)}-${'cd'.repeat(8)}-01`;
    for (const header of [traceparent, `${traceparent}; DROP`, undefined]) {
      const message = { jsonrpc: '2.0', id: 1, method: 'tools/call' };
      const params = { name: 'store_memory', arguments: CONVERSATION };
      const headers = header === undefined ? {} : { traceparent: header };
      await api.post('/mcp', { ...message, params }, { ...AUTHORIZED, ...headers });
    }
    expect(accepted.map(({ source }) => source.traceparent)).toEqual([traceparent, undefined, undefined]);
  });

  it('learns of a wrong argument from the result, and of a tool that is not there from an error', async () => {
    const { api } = await serveMemories();
    const client = await connect(api);
    const result = await client.callTool({ name: 'store_memory', arguments: { memory_id: '' } });
    expect(result).toMatchObject({ isError: true, structuredContent: { status: 'failed' } });
    expect(JSON.stringify(result.structuredContent)).toContain('memory_id: must not be empty');
    await expect(client.callTool({ name: 'drop_everything', arguments: {} })).rejects.toThrow(
      /drop_everything/,
    );
    await client.ping();
  });
});

describe('the routes that clients of the original use', () => {
  it('answer Session-Buddy’s batch in the result itself, and store its memories under its system', async () => {
    const { api, accepted } = await serveMemories();
    const result = await call(api, 'batch_store_memories', { memories: [CONVERSATION] });
    expect(result).toMatchObject({
      status: 'completed',
      total: 1,
      stored: 1,
      failed: 0,
      errors: [],
      stored_at: '2026-11-22T12:00:00.000Z',
      uploads: [{ system_id: 'x--macbook-pro_2Elocal', upload_id: '01JD-00112233445566aa' }],
    });
    expect(accepted).toEqual([
      {
        source: { systemId: 'x--macbook-pro_2Elocal', timeZone: null },
        rows: [
          {
            kind: 'conversation',
            memory_id: CONVERSATION.memory_id,
            content: CONVERSATION.text,
            project: 'gateway',
            tags: null,
            embedding: VECTOR,
            fields: {
              category: 'facts',
              importance_score: 0.5,
              memory_tier: 'long_term',
              namespace: 'default',
              session_id: 's-000',
              user_id: 'default',
              timestamp: '2026-11-20 16:40:00.123456',
              metadata: JSON.stringify({
                original_id: CONVERSATION.memory_id,
                ingestion_method: 'http_push',
              }),
            },
          },
        ],
      },
    ]);
  });

  it('answer its reflections with a status, its entities and relations with their ids', async () => {
    const { api, accepted } = await serveMemories();
    const reflection = {
      reflection_id: '01JD',
      content: 'Keys rotate weekly',
      embedding: null,
      metadata: {
        source: 'host-1',
        original_id: '01JD',
        type: 'reflection',
        tags: ['keys'],
        related_entities: ['e1'],
        project: null,
        created_at: null,
      },
    };
    expect(await call(api, 'store_reflection', reflection)).toMatchObject({ status: 'stored' });
    const properties = {
      owner: 'team',
      source_system: 'host-1',
      original_id: 'e1',
      created_at: '2026-11-20T16:40:00',
      ingestion_method: 'http_push',
    };
    const entity = {
      name: 'vault',
      entity_type: 'service',
      observations: ['sealed'],
      properties,
      metadata: {},
    };
    expect(await call(api, 'create_entity', entity)).toMatchObject({ id: 'e1' });
    const relation = {
      from_entity: 'e1',
      to_entity: 'e2',
      relation_type: 'uses',
      properties: { ...properties, original_id: 'r1' },
      metadata: {},
    };
    expect(await call(api, 'create_relation', relation)).toMatchObject({ id: 'r1' });
    expect(accepted.map(({ source }) => source.systemId)).toEqual(['host-1', 'host-1', 'host-1']);
    expect(accepted.map(({ rows: [row] }) => row)).toEqual([
      expect.objectContaining({
        kind: 'reflection',
        memory_id: '01JD',
        content: 'Keys rotate weekly',
        tags: ['keys'],
        embedding: null,
      }),
      expect.objectContaining({
        kind: 'entity',
        memory_id: 'e1',
        fields: {
          name: 'vault',
          entity_type: 'service',
          observations: ['sealed'],
          created_at: '2026-11-20 16:40:00',
          properties: '{"owner":"team"}',
          metadata: '{}',
        },
      }),
      expect.objectContaining({ kind: 'relation', memory_id: 'r1' }),
    ]);
  });

  it('take Mahavishnu’s plain call and its JSON-RPC', async () => {
    const { api } = await serveMemories();
    const plain = await api.post(
      '/tools/call',
      { name: 'store_memory', arguments: CONVERSATION },
      AUTHORIZED,
    );
    const answer = (await plain.json()) as { status: string; content: [{ text: string }] };
    expect(answer.status).toBe('stored');
    expect(JSON.parse(answer.content[0].text)).toMatchObject({ status: 'stored' });
    expect(await call(api, 'store_memory', CONVERSATION, '/tools/call')).toMatchObject({ status: 'stored' });
    expect(
      (await api.post('/tools/call', { name: 'aggregate_metrics', arguments: {} }, AUTHORIZED)).status,
    ).toBe(404);
  });

  it.each(['/status', '/mcp/status'])('%s says that the server is there', async (path) => {
    const { api } = await serveMemories();
    expect(await (await api.get(path, AUTHORIZED)).json()).toEqual({
      status: 'ok',
      service: 'akosha',
      version: '1.2.3',
    });
  });

  it.each(['/mcp', '/mcp/v1', '/mcp/mcp/v1', '/tools/call', '/mcp/tools/call'])(
    '%s asks for the token',
    async (path) => {
      const { api, accepted } = await serveMemories();
      const body = {
        jsonrpc: '2.0',
        id: 1,
        method: 'tools/call',
        params: { name: 'store_memory', arguments: CONVERSATION },
      };
      expect((await api.post(path, body)).status).toBe(401);
      expect(accepted).toEqual([]);
    },
  );
});

describe('the protocol', () => {
  const post = async (api: TestApi, body: unknown, headers = {}) =>
    api.post('/mcp', body, { ...AUTHORIZED, ...headers });

  it('answers a notification with nothing, a batch with its answers, and offers no stream', async () => {
    const { api } = await serveMemories();
    const note = { jsonrpc: '2.0', method: 'notifications/initialized' };
    expect((await post(api, note)).status).toBe(202);
    const ping = { jsonrpc: '2.0', id: 1, method: 'ping' };
    expect(await (await post(api, [note, ping])).json()).toEqual([{ jsonrpc: '2.0', id: 1, result: {} }]);
    expect((await api.get('/mcp', AUTHORIZED)).status).toBe(405);
  });

  it('names its newest revision to a client with one it does not know', async () => {
    const { api } = await serveMemories();
    const initialize = (protocolVersion: string) =>
      post(api, {
        jsonrpc: '2.0',
        id: 1,
        method: 'initialize',
        params: { protocolVersion, capabilities: {} },
      });
    expect(await (await initialize('2024-11-05')).json()).toMatchObject({
      result: { protocolVersion: '2024-11-05' },
    });
    expect(await (await initialize('1999-01-01')).json()).toMatchObject({
      result: { protocolVersion: '2025-11-25' },
    });
    expect(
      (await post(api, { jsonrpc: '2.0', id: 1, method: 'ping' }, { 'mcp-protocol-version': '1999-01-01' }))
        .status,
    ).toBe(400);
  });

  it.each([
    [{ id: 1 }, -32600],
    [{ jsonrpc: '2.0', id: 1, method: 'resources/list' }, -32601],
    [{ jsonrpc: '2.0', id: 1, method: 'tools/call', params: {} }, -32602],
  ])('answers %j with error %i', async (body, code) => {
    const { api } = await serveMemories();
    expect(await (await post(api, body)).json()).toMatchObject({ error: { code } });
  });

  it('takes a body beyond the limit of other routes', async () => {
    const { api } = await serveMemories();
    const text = 'x'.repeat(2 ** 21);
    expect(await call(api, 'store_memory', { memory_id: 'm', text }, '/mcp')).toMatchObject({
      isError: false,
    });
  });
});

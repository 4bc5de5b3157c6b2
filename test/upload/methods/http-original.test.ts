import { createServer } from 'node:http';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { deliverUpload } from '../../../src/upload/index.js';
import { makeDatabase } from '../../support/databases.js';
import { httpHost, prepared } from './support.js';

interface Call {
  method: string;
  id?: number;
  params?: { name: string; arguments: { memories: { memory_id: string; embedding: number[] | null }[] } };
}

/** Ids of the memories that came in, by call. */
let batches: string[][];
beforeEach(() => (batches = []));

/**
 * The original server in the respects that matter here, each as it was seen to do them: sessions, answers as streams of events, the two
 * tools that it has, and its refusal of memories without a vector. The real one is for bench/original-akosha.mjs.
 */
async function serveLikeTheOriginal(): Promise<string> {
  const answer = ({ method, params }: Call): unknown => {
    if (method === 'initialize') return { protocolVersion: '2025-06-18', capabilities: {}, serverInfo: {} };
    if (method === 'tools/list')
      return { tools: [{ name: 'store_memory' }, { name: 'batch_store_memories' }] };
    const memories = params?.arguments.memories ?? [];
    batches.push(memories.map(({ memory_id }) => memory_id));
    const errors = memories
      .filter(({ embedding }) => embedding === null)
      .map(({ memory_id }) => ({
        memory_id,
        error: 'Embedding is required: must be a 384-dimensional vector',
      }));
    const stored = memories.length - errors.length;
    const status = errors.length === 0 ? 'completed' : stored === 0 ? 'failed' : 'partial';
    const output = { status, total: memories.length, stored, failed: errors.length, errors };
    return { content: [{ type: 'text', text: JSON.stringify(output) }], structuredContent: output };
  };
  const server = createServer((request, response) => {
    let text = '';
    request.on('data', (chunk: Buffer) => (text += chunk.toString()));
    request.on('end', () => {
      // Its health is 503 where nothing else of its kind runs, and it knows no other path.
      if (request.method !== 'POST')
        return void response.writeHead(request.url === '/health' ? 503 : 404).end();
      const call = JSON.parse(text) as Call;
      if (call.method !== 'initialize' && request.headers['mcp-session-id'] !== 's-1')
        return void response.writeHead(400).end();
      if (call.id === undefined) return void response.writeHead(202).end();
      const message = JSON.stringify({ jsonrpc: '2.0', id: call.id, result: answer(call) });
      response.writeHead(200, { 'content-type': 'text/event-stream', 'mcp-session-id': 's-1' });
      response.end(`event: message\r\ndata: ${message}\r\n\r\n`);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const bound = server.address();
  return typeof bound === 'object' && bound !== null ? `http://127.0.0.1:${bound.port}` : '';
}

describe('the original server', () => {
  it('is sent what it has tools for; the rest is named, and the upload is no success', async () => {
    const host = await httpHost(await serveLikeTheOriginal(), { a: 'text a', b: 'text b' });
    const [database = ''] = host.databases;
    await makeDatabase(
      database,
      'ALTER TABLE conversations_v2 ADD COLUMN embedding FLOAT[384]',
      'UPDATE conversations_v2 SET embedding = [x / 384 FOR x IN range(384)]',
      `INSERT INTO reflections_v2 VALUES ('r', 'learnt', NULL, NULL)`,
    );
    const id = await prepared(host, 'u1');
    const forced = { ...host, rules: { ...host.rules, forceMethod: 'http', maxRetries: 3 } };
    const outcome = {
      type: 'HTTPSyncError',
      message: expect.stringContaining('1 of kind reflection: it has no tool store_reflection'),
      details: expect.objectContaining({
        undeliverable: ['reflection'],
        rows: expect.objectContaining({
          conversation: { stored: 2, known: 0, refused: 0, undeliverable: 0 },
          reflection: { stored: 0, known: 0, refused: 0, undeliverable: 1 },
        }),
      }),
    };
    await expect(deliverUpload(forced, id)).rejects.toMatchObject(outcome);
    // Not tried again at once, and when it is, what it has is not sent again.
    expect(batches).toEqual([['a', 'b']]);
    await expect(deliverUpload(forced, id)).rejects.toThrow(/has 2 memories/);
    expect(batches).toHaveLength(1);
  });

  it('that refuses some memories of a batch keeps the others', async () => {
    const host = await httpHost(await serveLikeTheOriginal(), { a: 'text a' });
    const [database = ''] = host.databases;
    await makeDatabase(database, 'ALTER TABLE conversations_v2 ADD COLUMN embedding FLOAT[384]');
    await expect(deliverUpload(host, await prepared(host, 'u1'))).rejects.toThrow(
      /1 of kind conversation were refused, such as a: Embedding/,
    );
    await makeDatabase(database, 'UPDATE conversations_v2 SET embedding = [x / 384 FOR x IN range(384)]');
    await deliverUpload(host, await prepared(host, 'u2'));
    expect(batches).toEqual([['a'], ['a']]);
    // It has no uploads, so it names none.
    expect(await host.methods[0]?.askAfter?.('u2')()).toMatchObject({
      status: 'unknown',
      reason: expect.stringContaining('names no upload to ask after'),
    });
  });
});

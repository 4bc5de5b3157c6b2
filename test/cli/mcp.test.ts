import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { afterEach, describe, expect, it, onTestFinished } from 'vitest';
import { z } from 'zod';
import { Program } from '../support/program.js';

const MAIN = path.resolve('dist/cli/akosha.cjs');

const programs: Program[] = [];
afterEach(async () => {
  await Promise.all(programs.splice(0).map((program) => program.destroy()));
});

const Reply = z.looseObject({
  id: z.number().nullable(),
  result: z.looseObject({ isError: z.boolean().optional() }).optional(),
  error: z.object({ code: z.number(), message: z.string() }).optional(),
});
const Called = z.object({ structuredContent: z.record(z.string(), z.unknown()), isError: z.boolean() });

/** `akosha mcp` as a client starts it, on a host of its own without a server. */
class Session {
  stdout = '';
  stderr = '';
  #next = 1;
  readonly #waiting = new Map<number | null, (reply: z.output<typeof Reply>) => void>();

  private constructor(
    readonly program: Program,
    readonly child: ChildProcessWithoutNullStreams,
  ) {
    child.stderr.on('data', (chunk) => (this.stderr += String(chunk)));
    createInterface({ input: child.stdout }).on('line', (line) => {
      this.stdout += `${line}\n`;
      const reply = Reply.parse(JSON.parse(line));
      this.#waiting.get(reply.id)?.(reply);
    });
  }

  static async start(environment: Record<string, string> = {}): Promise<Session> {
    const program = await Program.create(environment);
    programs.push(program);
    const { PATH, HOME } = process.env;
    const child = spawn(process.execPath, [MAIN, 'mcp'], {
      env: { PATH, HOME, ...program.environment },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    return new Session(program, child);
  }

  write(text: string): void {
    this.child.stdin.write(text);
  }

  reply(id: number | null): Promise<z.output<typeof Reply>> {
    return new Promise((resolve) => this.#waiting.set(id, resolve));
  }

  async request(method: string, params: object = {}): Promise<z.output<typeof Reply>> {
    const id = this.#next++;
    const reply = this.reply(id);
    this.write(`${JSON.stringify({ jsonrpc: '2.0', id, method, params })}\n`);
    return reply;
  }

  async call(name: string, args: object = {}): Promise<z.output<typeof Called>> {
    return Called.parse((await this.request('tools/call', { name, arguments: args })).result);
  }

  async end(): Promise<unknown> {
    const exited = once(this.child, 'exit');
    this.child.stdin.end();
    const [code] = (await exited) as [number | null];
    return code;
  }
}

describe('akosha mcp', () => {
  it('uploads, and tells what became of it with the original’s keys', async () => {
    const session = await Session.start();
    await session.request('initialize', { protocolVersion: '2025-06-18', capabilities: {} });
    const first = await session.call('sync_to_akosha');
    expect(first).toEqual({
      isError: false,
      structuredContent: {
        method: 'cloud',
        success: true,
        upload_id: expect.stringMatching(/^[0-9A-Z]{26}$/),
        status: 'uploaded',
        files_uploaded: ['reflection.duckdb', 'knowledge_graph.duckdb'],
        bytes_transferred: expect.any(Number),
        duration_seconds: expect.any(Number),
        error: null,
        reason: null,
        rows: null,
        triggered_by: 'manual',
      },
    });
    const { structuredContent: status } = await session.call('akosha_sync_status');
    expect(status).toEqual({
      cloud_configured: false,
      system_id: 'laptop-1',
      should_use_cloud: true,
      should_use_http: false,
      force_method: 'auto',
      enable_fallback: true,
      upload_on_session_end: true,
      configuration: {
        cloud_bucket: '',
        cloud_endpoint: '',
        cloud_region: 'auto',
        system_id: 'laptop-1',
        enable_compression: true,
        enable_deduplication: true,
        chunk_size_mb: 5,
        upload_timeout_seconds: 300,
        max_retries: 3,
        retry_backoff_seconds: 2,
      },
      last_sync: {
        upload_id: first.structuredContent['upload_id'],
        status: 'delivered',
        at: expect.any(String),
        method: 'cloud',
        files: 2,
        bytes: first.structuredContent['bytes_transferred'],
      },
      pending: { requests: 0, uploads: 0 },
      bytes: 0,
      next_try: null,
      last_error: null,
      in_progress: [],
      reachability: { cloud: { reachable: true, reason: null } },
    });
    expect(await session.end()).toBe(0);
  }, 60_000);

  it('says which way failed and that it waits, where the way that is asked for is closed', async () => {
    const refusing = createServer((_request, response) => response.writeHead(403).end());
    await once(refusing.listen(0, '127.0.0.1'), 'listening');
    onTestFinished(() => void refusing.close());
    const { port } = refusing.address() as AddressInfo;
    const session = await Session.start({
      AKOSHA_SERVER_URL: `http://127.0.0.1:${port}`,
      AKOSHA_OBJECT_STORE: pathToFileURL('/proc/akosha/none').href,
      AKOSHA_MAX_RETRIES: '0',
    });
    const { isError, structuredContent } = await session.call('sync_to_akosha', { method: 'http' });
    expect(isError).toBe(true);
    expect(structuredContent).toMatchObject({ method: 'http', success: false, triggered_by: 'manual' });
    expect(structuredContent['error']).toMatch(/403/);
    const { structuredContent: status } = await session.call('akosha_sync_status');
    expect(status).toMatchObject({
      should_use_cloud: true,
      should_use_http: true,
      last_sync: null,
      last_error: expect.stringMatching(/403/),
      reachability: {
        cloud: { reachable: false, reason: expect.any(String) },
        // It answers, though with a refusal, which is for the next try to find out.
        http: { reachable: true, reason: null },
      },
    });
  }, 60_000);

  it('lets a request without fallback try the first way only', async () => {
    const session = await Session.start({
      AKOSHA_SERVER_URL: 'http://127.0.0.1:1',
      AKOSHA_OBJECT_STORE: pathToFileURL('/proc/akosha/none').href,
      AKOSHA_MAX_RETRIES: '0',
    });
    const { structuredContent } = await session.call('sync_to_akosha', { enable_fallback: false });
    expect(structuredContent['error']).toMatch(/cloud/);
    expect(structuredContent['error']).not.toMatch(/http:/);
  }, 60_000);

  it('answers what is wrong with a call, a line or a batch, and goes on', async () => {
    const session = await Session.start();
    expect(await session.call('sync_to_akosha', { method: 'pigeon' })).toMatchObject({
      isError: true,
      structuredContent: {
        success: false,
        error: expect.stringMatching(/^method: /),
        triggered_by: 'manual',
      },
    });
    expect((await session.request('tools/call', { name: 'store_memory' })).error).toMatchObject({
      code: -32602,
    });
    const unread = session.reply(null);
    session.write('{"jsonrpc": \n');
    expect((await unread).error).toMatchObject({ code: -32700 });
    const empty = session.reply(null);
    session.write('[]\n');
    expect((await empty).error?.message).toMatch(/1 to 100/);
    session.write('\n{"jsonrpc":"2.0","method":"notifications/initialized"}\n');
    const { result } = await session.request('tools/list');
    expect(result).toMatchObject({ tools: [{ name: 'sync_to_akosha' }, { name: 'akosha_sync_status' }] });
  }, 60_000);

  it('answers what it was asked when its input ends at once, and prints nothing else', async () => {
    const session = await Session.start();
    session.write(
      `${JSON.stringify({ jsonrpc: '2.0', id: 7, method: 'tools/call', params: { name: 'sync_to_akosha' } })}\n`,
    );
    const reply = session.reply(7);
    expect(await session.end()).toBe(0);
    expect((await reply).result).toMatchObject({ structuredContent: { success: true } });
    expect(session.stdout.trimEnd().split('\n')).toHaveLength(1);
  }, 60_000);

  it('is spoken to by the official client', async () => {
    const program = await Program.create();
    programs.push(program);
    const { PATH = '', HOME = '' } = process.env;
    const client = new Client({ name: 'test', version: '1' });
    await client.connect(
      new StdioClientTransport({
        command: process.execPath,
        args: [MAIN, 'mcp'],
        env: { PATH, HOME, ...program.environment },
      }),
    );
    onTestFinished(() => client.close());
    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name)).toEqual(['sync_to_akosha', 'akosha_sync_status']);
    const { structuredContent } = await client.callTool({ name: 'akosha_sync_status' });
    expect(structuredContent).toMatchObject({ system_id: 'laptop-1', last_sync: null });
  }, 60_000);
});

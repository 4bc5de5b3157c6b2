import { z } from 'zod';
import { AkoshaError, isAkoshaError } from '../../contract/index.js';
import { CALL_MS, currentTraceparent, type CircuitBreaker } from '../../runtime/index.js';
import { readText, reasonOf } from './http-answer.js';

export interface McpClientOptions {
  /** Of the endpoint, such as `https://host/mcp`. */
  url: string;
  token?: string | undefined;
  /** For a request that carries memories; one that does not is a matter of the server alone, and has 30 s at most. */
  timeoutMs: number;
  breaker: CircuitBreaker;
  signal?: AbortSignal | undefined;
}

/** The revision asked for; a server that does not know it names another, which is as good: nothing used here differs. */
const PROTOCOL_VERSION = '2025-06-18';

const Reply = z.object({
  id: z.union([z.string(), z.number()]).nullish(),
  result: z.record(z.string(), z.unknown()).optional(),
  error: z.object({ code: z.number(), message: z.string() }).optional(),
});
const Initialized = z.object({ protocolVersion: z.string() });
const Tools = z.object({ tools: z.array(z.object({ name: z.string() })), nextCursor: z.string().optional() });
const ToolResult = z.object({
  structuredContent: z.record(z.string(), z.unknown()).nullish(),
  content: z.array(z.object({ type: z.string(), text: z.string().optional() })).optional(),
});

/** A tool's answer, and how many bytes went out for it. */
export interface ToolReply {
  output: Record<string, unknown>;
  bytesSent: number;
}

interface Sent {
  response: Response;
  text: string;
  bytesSent: number;
}

/**
 * A client of MCP over streamable HTTP, as much of it as carrying memories takes. It never follows a redirect: memories go to the host
 * that the settings name and to no other.
 *
 * All methods raise `ServerUnavailable` where the server does not answer or says that it cannot, `SettingsInvalid` where it refuses
 * the token or is no MCP server, `BadRequest` for a request that it does not take, and `Cancelled`.
 */
export class McpClient {
  readonly #options: McpClientOptions;
  #session: Record<string, string> = {};
  #lastId = 0;

  private constructor(options: McpClientOptions) {
    this.#options = options;
  }

  /** Begins a session. */
  static async open(options: McpClientOptions): Promise<McpClient> {
    const client = new McpClient(options);
    const { result, headers } = await client.#request('initialize', {
      protocolVersion: PROTOCOL_VERSION,
      capabilities: {},
      clientInfo: { name: 'akosha', version: '1' },
    });
    const { protocolVersion } = parse(Initialized, result);
    const session = headers.get('mcp-session-id');
    client.#session = {
      'mcp-protocol-version': protocolVersion,
      ...(session === null ? {} : { 'mcp-session-id': session }),
    };
    await client.#send({ jsonrpc: '2.0', method: 'notifications/initialized' });
    return client;
  }

  async listTools(): Promise<Set<string>> {
    const names = new Set<string>();
    let cursor: string | undefined;
    do {
      const { result } = await this.#request('tools/list', cursor === undefined ? {} : { cursor });
      const page = parse(Tools, result);
      for (const { name } of page.tools) names.add(name);
      cursor = page.nextCursor;
    } while (cursor !== undefined);
    return names;
  }

  /** The answer's own object, whether the tool says that it failed or not. */
  async callTool(name: string, input: Readonly<Record<string, unknown>>): Promise<ToolReply> {
    const { result, bytesSent } = await this.#request('tools/call', { name, arguments: input });
    const { structuredContent, content = [] } = parse(ToolResult, result);
    if (structuredContent !== null && structuredContent !== undefined)
      return { output: structuredContent, bytesSent };
    const text = content.find(({ type }) => type === 'text')?.text ?? '';
    return { output: objectIn(text) ?? { status: 'failed', error: text }, bytesSent };
  }

  /** Ends the session, so that the server need not keep it. Raises nothing: it would end by itself. */
  async close(): Promise<void> {
    if (this.#session['mcp-session-id'] === undefined) return;
    const { url, timeoutMs } = this.#options;
    await fetch(url, {
      method: 'DELETE',
      headers: this.#headers(),
      redirect: 'manual',
      signal: AbortSignal.timeout(Math.min(timeoutMs, 1_000)),
    }).then(
      (response) => response.body?.cancel(),
      () => undefined,
    );
  }

  async #request(
    method: string,
    params: Readonly<Record<string, unknown>>,
  ): Promise<{ result: Record<string, unknown>; headers: Headers; bytesSent: number }> {
    this.#lastId += 1;
    const id = this.#lastId;
    const { response, text, bytesSent } = await this.#send({ jsonrpc: '2.0', id, method, params });
    const message = messagesIn(response, text).find((one) => one.id === id);
    if (message === undefined) throw this.#unavailable(`its answer to ${method} is no MCP`);
    if (message.error !== undefined) {
      throw new AkoshaError(
        'BadRequest',
        `${this.#options.url} does not take ${method}: ${message.error.message}`,
        {
          details: { code: message.error.code },
        },
      );
    }
    return { result: message.result ?? {}, headers: response.headers, bytesSent };
  }

  async #send(message: Readonly<Record<string, unknown>>): Promise<Sent> {
    const call = this.#options.breaker.begin();
    try {
      const sent = await this.#post(message);
      call.succeeded();
      return sent;
    } catch (error) {
      if (isAkoshaError(error, 'ServerUnavailable')) call.failed(error.message);
      else if (isAkoshaError(error, 'Cancelled')) call.dropped();
      else call.succeeded();
      throw error;
    }
  }

  async #post(message: Readonly<Record<string, unknown>>): Promise<Sent> {
    const { url, timeoutMs, signal } = this.#options;
    const body = JSON.stringify(message);
    const limit = message['method'] === 'tools/call' ? timeoutMs : Math.min(timeoutMs, CALL_MS);
    const deadline = AbortSignal.timeout(limit);
    try {
      const response = await fetch(url, {
        method: 'POST',
        headers: { ...this.#headers(), 'content-type': 'application/json' },
        body,
        redirect: 'manual',
        signal: signal === undefined ? deadline : AbortSignal.any([signal, deadline]),
      });
      const text = await readText(response);
      if (response.status >= 300) throw this.#refusal(response.status, text);
      return { response, text, bytesSent: Buffer.byteLength(body) };
    } catch (error) {
      if (error instanceof AkoshaError) throw error;
      if (signal?.aborted === true) {
        throw new AkoshaError('Cancelled', `sending to ${url}: cancelled`, { cause: signal.reason });
      }
      const reason = deadline.aborted ? `no answer within ${limit / 1000} s` : reasonOf(error);
      throw this.#unavailable(reason, error);
    }
  }

  #headers(): Record<string, string> {
    const { token } = this.#options;
    const traceparent = currentTraceparent();
    return {
      accept: 'application/json, text/event-stream',
      ...(traceparent === undefined ? {} : { traceparent }),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...this.#session,
    };
  }

  #refusal(status: number, text: string): AkoshaError {
    const { url } = this.#options;
    const details = { status };
    if (status === 401 || status === 403) {
      const message = `${url} refuses this host (${status}); set server_token (AKOSHA_SERVER_TOKEN) to its api_token`;
      return new AkoshaError('SettingsInvalid', message, { details });
    }
    // 404 with a session means that the server has forgotten it: another try begins a new one.
    if (status < 400 || (status === 404 && this.#session['mcp-session-id'] === undefined)) {
      const message = `${url} is no MCP server (${status}); set server_url (AKOSHA_SERVER_URL) to the Akosha server's own address`;
      return new AkoshaError('SettingsInvalid', message, { details });
    }
    if (status === 404 || status === 408 || status === 429 || status >= 500) {
      return this.#unavailable(`it answered ${status} ${text.slice(0, 200)}`.trimEnd());
    }
    return new AkoshaError(
      'BadRequest',
      `${url} does not take the request (${status}): ${text.slice(0, 200)}`,
      {
        details,
      },
    );
  }

  #unavailable(reason: string, cause?: unknown): AkoshaError {
    return new AkoshaError('ServerUnavailable', `${this.#options.url}: ${reason}`, { cause });
  }
}

/** One JSON body, or a stream of server-sent events whose data are messages. */
function messagesIn(response: Response, text: string): z.infer<typeof Reply>[] {
  const events = response.headers.get('content-type')?.startsWith('text/event-stream') === true;
  const bodies = events ? text.split(/\r?\n\r?\n/).map(dataOf) : [text];
  return bodies.flatMap((body) => {
    const parsed = Reply.safeParse(objectIn(body));
    return parsed.success ? [parsed.data] : [];
  });
}

function dataOf(event: string): string {
  return event
    .split(/\r?\n/)
    .filter((line) => line.startsWith('data:'))
    .map((line) => line.slice('data:'.length).replace(/^ /, ''))
    .join('\n');
}

function objectIn(text: string): Record<string, unknown> | undefined {
  try {
    const parsed = z.record(z.string(), z.unknown()).safeParse(JSON.parse(text));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}

function parse<T>(schema: z.ZodType<T>, value: unknown): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new AkoshaError(
    'ServerUnavailable',
    `the server's answer is not MCP's: ${z.prettifyError(parsed.error)}`,
  );
}

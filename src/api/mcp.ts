import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { App } from './app.js';
import { errorBody } from './errors.js';
import { answerBatch, answerMessage, PROTOCOL_VERSIONS, toolResult, type RpcOptions } from './mcp-rpc.js';
import { Traceparent } from '../memory/index.js';
import { callerGone } from './caller.js';
import type { ApiServices } from './services.js';
import { serverTools, type AcceptRows } from './mcp-tools.js';

/** A thousand memories with vectors and texts of 20 kB: the original's largest batch, as large as it comes. */
const MAX_MCP_BODY_BYTES = 32 * 1024 ** 2;

/**
 * MCP over streamable HTTP at `/mcp`, with what stores and finds memories. There are no sessions: each request stands by itself, so a restart of
 * the server ends nobody's session, and every answer is one JSON body.
 */
export function mcpRoutes(
  app: App,
  { acceptRows, search }: Pick<ApiServices, 'acceptRows' | 'search'>,
  version: string,
): void {
  const optionsFor = (request: FastifyRequest, reply: FastifyReply, flat: boolean): RpcOptions => ({
    version,
    flat,
    tools: serverTools({
      search,
      signal: callerGone(reply),
      acceptRows: withTrace(acceptRows, request),
      onFault: (error) => request.log.error({ err: error, requestId: request.id }, 'a tool failed'),
    }),
  });
  const bodyLimit = MAX_MCP_BODY_BYTES;
  app.post('/mcp', { bodyLimit, schema: { summary: 'MCP, streamable HTTP' } }, async (request, reply) => {
    const version = request.headers['mcp-protocol-version'];
    if (version !== undefined && !PROTOCOL_VERSIONS.some((known) => known === version)) {
      return reply
        .code(400)
        .send(errorBody('BadRequest', `MCP-Protocol-Version must be one of ${PROTOCOL_VERSIONS.join(', ')}`));
    }
    return answerBody(request.body, optionsFor(request, reply, false), reply);
  });
  originalRoutes(app, { bodyLimit, version, optionsFor });
}

/** What a client's request stores belongs to the client's trace. A header in another form is no reason to refuse it. */
function withTrace(acceptRows: AcceptRows, { headers }: FastifyRequest): AcceptRows {
  const traceparent = Traceparent.safeParse(headers['traceparent']).data;
  return traceparent === undefined
    ? acceptRows
    : (source, rows) => acceptRows({ ...source, traceparent }, rows);
}

async function answerBody(body: unknown, options: RpcOptions, reply: FastifyReply): Promise<unknown> {
  const answer = await (Array.isArray(body) ? answerBatch(body, options) : answerMessage(body, options));
  // What asks for no answer gets none, by the protocol.
  return answer === undefined ? reply.code(202).send() : answer;
}

const PlainCall = z.object({
  name: z.string(),
  arguments: z.unknown().optional(),
  method: z.undefined().optional(),
});

interface OriginalRoutes {
  bodyLimit: number;
  version: string;
  optionsFor: (request: FastifyRequest, reply: FastifyReply, flat: boolean) => RpcOptions;
}

/**
 * Where clients of the original look for it: Session-Buddy posts JSON-RPC to `<url>/mcp/v1`, whose default url ends in `/mcp` itself, and
 * probes `<url>/status`; Mahavishnu posts `{name, arguments}` or JSON-RPC to `<url>/tools/call`. They read a tool's answer from the
 * result itself.
 */
function originalRoutes(app: App, { bodyLimit, version, optionsFor }: OriginalRoutes): void {
  for (const path of ['/mcp/v1', '/mcp/mcp/v1']) {
    app.post(
      path,
      { bodyLimit, schema: { summary: 'JSON-RPC, as Session-Buddy sends it' } },
      (request, reply) => answerBody(request.body, optionsFor(request, reply, true), reply),
    );
  }
  for (const path of ['/tools/call', '/mcp/tools/call']) {
    app.post(
      path,
      { bodyLimit, schema: { summary: 'A tool, as Mahavishnu calls it' } },
      async (request, reply) => {
        const options = optionsFor(request, reply, true);
        const plain = PlainCall.safeParse(request.body);
        if (!plain.success) return answerBody(request.body, options, reply);
        const answer = await options.tools.call(plain.data.name, plain.data.arguments);
        if (answer !== undefined) return { ...answer.output, ...toolResult(answer) };
        return reply.code(404).send(errorBody('NotFound', `there is no tool ${plain.data.name}`));
      },
    );
  }
  for (const path of ['/status', '/mcp/status']) {
    app.get(path, { schema: { summary: 'Whether the server answers, as Session-Buddy asks' } }, () => ({
      status: 'ok',
      service: 'akosha',
      version,
    }));
  }
}

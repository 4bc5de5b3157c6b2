import { z } from 'zod';
import { AkoshaError } from '../contract/index.js';
import type { Toolbox, ToolAnswer } from './mcp-toolbox.js';

/** Revisions of MCP that differ in nothing this server uses, the newest first. */
export const PROTOCOL_VERSIONS = ['2025-11-25', '2025-06-18', '2025-03-26', '2024-11-05'] as const;

/** JSON-RPC 2.0. The original's older clients leave `jsonrpc` out. */
const Message = z.object({
  jsonrpc: z.literal('2.0').optional(),
  id: z.union([z.string(), z.number()]).nullish(),
  method: z.string(),
  params: z.record(z.string(), z.unknown()).nullish(),
});

const Initialize = z.object({ protocolVersion: z.string() });
const Call = z.object({ name: z.string(), arguments: z.unknown().optional() });

export interface RpcReply {
  jsonrpc: '2.0';
  id: string | number | null;
  result?: Record<string, unknown>;
  error?: { code: number; message: string };
}

/** JSON-RPC's numbers. */
export const PARSE_ERROR = -32700;
const INVALID_REQUEST = -32600;
const METHOD_NOT_FOUND = -32601;
const INVALID_PARAMS = -32602;

/** JSON-RPC batches of an old revision. Each of their calls may be a batch itself. */
const MAX_MESSAGES = 100;

export interface RpcOptions {
  version: string;
  tools: Toolbox;
  /** Puts a tool's answer beside `content`, where clients of the original look for it. */
  flat: boolean;
}

/** The replies to a batch; undefined where none of its messages gets one. Raises `BadRequest` for one that is empty or too long. */
export async function answerBatch(
  messages: readonly unknown[],
  options: RpcOptions,
): Promise<RpcReply[] | undefined> {
  if (messages.length === 0 || messages.length > MAX_MESSAGES) {
    throw new AkoshaError('BadRequest', `a batch must hold 1 to ${MAX_MESSAGES} messages`);
  }
  const answers = await Promise.all(messages.map((message) => answerMessage(message, options)));
  const replies = answers.filter((answer) => answer !== undefined);
  return replies.length === 0 ? undefined : replies;
}

/** The reply to one message; undefined for a notification, which gets none. */
export async function answerMessage(message: unknown, options: RpcOptions): Promise<RpcReply | undefined> {
  const parsed = Message.safeParse(message);
  if (!parsed.success) return rpcFault(null, INVALID_REQUEST, 'this is no JSON-RPC request');
  const { id, method, params } = parsed.data;
  if (method.startsWith('notifications/')) return undefined;
  switch (method) {
    case 'initialize':
      return reply(id, initialized(params ?? {}, options.version));
    case 'ping':
      return reply(id, {});
    case 'tools/list':
      return reply(id, { tools: options.tools.list() });
    case 'tools/call':
      return answerCall(id, params ?? {}, options);
    default:
      return rpcFault(id, METHOD_NOT_FOUND, `the method ${method} is not known here`);
  }
}

function initialized(params: Record<string, unknown>, version: string): Record<string, unknown> {
  const asked = Initialize.safeParse(params);
  const known = PROTOCOL_VERSIONS.find((one) => asked.success && one === asked.data.protocolVersion);
  return {
    protocolVersion: known ?? PROTOCOL_VERSIONS[0],
    capabilities: { tools: {} },
    serverInfo: { name: 'akosha', version },
  };
}

async function answerCall(
  id: string | number | null | undefined,
  params: Record<string, unknown>,
  options: RpcOptions,
): Promise<RpcReply> {
  const call = Call.safeParse(params);
  if (!call.success) return rpcFault(id, INVALID_PARAMS, 'tools/call needs a name and arguments');
  const answer = await options.tools.call(call.data.name, call.data.arguments);
  if (answer === undefined) return rpcFault(id, INVALID_PARAMS, `there is no tool ${call.data.name}`);
  return reply(id, { ...(options.flat ? answer.output : {}), ...toolResult(answer) });
}

/** `content` for clients that know no `structuredContent`. */
export function toolResult({ output, failed }: ToolAnswer): Record<string, unknown> {
  return {
    content: [{ type: 'text', text: JSON.stringify(output) }],
    structuredContent: output,
    isError: failed,
  };
}

function reply(id: string | number | null | undefined, result: Record<string, unknown>): RpcReply {
  return { jsonrpc: '2.0', id: id ?? null, result };
}

/** A reply that says why there is no result. */
export function rpcFault(id: string | number | null | undefined, code: number, message: string): RpcReply {
  return { jsonrpc: '2.0', id: id ?? null, error: { code, message } };
}

import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import {
  answerBatch,
  answerMessage,
  PARSE_ERROR,
  rpcFault,
  type RpcOptions,
} from '../../api/mcp-protocol.js';
import { messageOf } from '../../contract/index.js';

export interface Streams {
  input: Readable;
  /** Carries the protocol and nothing else. */
  output: Writable;
  /** Told, a line at a time, what people may want to know. */
  log: (line: string) => void;
}

/** JSON-RPC's number for a fault that is not the caller's. */
const INTERNAL_ERROR = -32603;

/**
 * Speaks MCP over stdio (its transport of that name): a JSON-RPC message a line. Messages are answered as they come, so that a status
 * does not wait for an upload. Returns once the input has ended and what was asked is answered, or nobody reads the answers any more.
 */
export async function serveStdio({ input, output, log }: Streams, options: RpcOptions): Promise<void> {
  const lines = createInterface({ input, crlfDelay: Infinity });
  const gone = new Promise<void>((resolve) => {
    output.on('error', (error) => {
      log(`the client reads no more (${messageOf(error)})`);
      lines.close();
      resolve();
    });
  });
  const underWay = new Set<Promise<void>>();
  for await (const line of lines) {
    if (line.trim() === '') continue;
    const answering = answerLine(line, options, log).then((reply) => {
      underWay.delete(answering);
      if (reply !== undefined) output.write(`${JSON.stringify(reply)}\n`);
    });
    underWay.add(answering);
  }
  await Promise.race([Promise.all(underWay), gone]);
}

async function answerLine(line: string, options: RpcOptions, log: Streams['log']): Promise<unknown> {
  let message: unknown;
  try {
    message = JSON.parse(line);
  } catch (error) {
    log(`a line that is no JSON: ${messageOf(error)}`);
    return rpcFault(null, PARSE_ERROR, 'a line must be a JSON-RPC message');
  }
  try {
    return await (Array.isArray(message) ? answerBatch(message, options) : answerMessage(message, options));
  } catch (error) {
    log(messageOf(error));
    return rpcFault(null, INTERNAL_ERROR, messageOf(error));
  }
}

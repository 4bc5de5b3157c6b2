import { finished, Readable } from 'node:stream';
import type { S3Client } from '@aws-sdk/client-s3';
import { messageOf } from '../contract/index.js';
import type { BreakerCall, CircuitBreaker } from '../runtime/index.js';
import { type Bandwidth, UNLIMITED_PIECE_BYTES } from './bandwidth.js';
import type { ListPurpose } from './object-store.js';
import { stopper } from './stopper.js';

export interface TransportRules {
  breaker: CircuitBreaker;
  /** Undefined: as fast as the line takes it. */
  bandwidth: Bandwidth | undefined;
  /** How long the head of an answer may take once the request has gone out. */
  answerMs: number;
  onListRequest: ((purpose: ListPurpose) => void) | undefined;
}

/** What a request is sent with; the SDK hands it on to its request handler as it is. */
export interface SendOptions {
  abortSignal?: AbortSignal;
  /** Called with the bytes of each piece of a body that the socket took. A request that the SDK repeats tells them again. */
  onSent?: (bytes: number) => void;
  /** Of a request that lists. */
  listing?: ListPurpose;
}

interface HttpRequest {
  method: string;
  body?: unknown;
}

interface HttpAnswer {
  response: { statusCode: number; body?: unknown };
}

/** The server's answer that it does not know such a request, which says that it is up. */
const NOT_IMPLEMENTED = 501;

type Handle = (request: HttpRequest, options?: SendOptions) => Promise<HttpAnswer>;

/**
 * Puts rules around every request of a client, the SDK's own repetitions among them: the circuit breaker is asked first and
 * told how it went, bodies go out in pieces at the bandwidth's pace, and an answer that does not begin in time is given up.
 */
export function guardRequests(client: S3Client, rules: TransportRules): void {
  const handler = client.config.requestHandler;
  const handle: Handle = handler.handle.bind(handler);
  const guarded: Handle = (request, options = {}) => send(handle, rules, request, options);
  Object.assign(handler, { handle: guarded });
}

async function send(
  handle: Handle,
  rules: TransportRules,
  request: HttpRequest,
  options: SendOptions,
): Promise<HttpAnswer> {
  const call = rules.breaker.begin();
  if (options.listing !== undefined) rules.onListRequest?.(options.listing);
  const stop = stopper(options.abortSignal);
  const deadline = deadlineOf(rules.answerMs, stop.now);
  const pieces = inPieces(request.body, rules.bandwidth, stop, (bytes) => {
    deadline.putOff();
    options.onSent?.(bytes);
  });
  const end = (): void => {
    // Answered before all was sent: nobody reads the rest, and the connection cannot be used again.
    if (pieces?.readableEnded === false) stop.now();
    pieces?.destroy();
    stop.release();
  };
  try {
    const answer = await handle(
      { ...request, body: pieces ?? request.body },
      { ...options, abortSignal: stop.signal },
    );
    follow(call, request, answer, { signal: options.abortSignal, end });
    return answer;
  } catch (error) {
    const fault = deadline.isOver() ? lateAnswer(rules.answerMs) : error;
    if (options.abortSignal?.aborted === true) call.dropped();
    else call.failed(messageOf(fault));
    end();
    throw fault;
  } finally {
    deadline.clear();
  }
}

/**
 * A body as a stream of pieces, which is what makes a limit and progress possible within a request. One from memory that is no
 * larger than a piece goes as it is where no limit is set.
 */
function inPieces(
  body: unknown,
  bandwidth: Bandwidth | undefined,
  stop: { signal: AbortSignal; now: () => void },
  onSent: (bytes: number) => void,
): Readable | undefined {
  const pieceBytes = bandwidth?.pieceBytes ?? UNLIMITED_PIECE_BYTES;
  const chunks = chunksOf(body, bandwidth === undefined ? pieceBytes : 0);
  if (chunks === undefined) return undefined;
  const pieces = async function* (): AsyncGenerator<Uint8Array> {
    for await (const chunk of chunks) {
      for (let start = 0; start < chunk.byteLength; start += pieceBytes) {
        const piece = chunk.subarray(start, start + pieceBytes);
        await bandwidth?.take(piece.byteLength, stop.signal);
        yield piece;
        // Asked for the next: the socket has taken this one.
        onSent(piece.byteLength);
      }
    }
  };
  const stream = Readable.from(pieces(), { objectMode: false, highWaterMark: pieceBytes });
  // The request that it is piped into does not listen, and would wait for the rest.
  stream.on('error', stop.now);
  return stream;
}

/** Of a body of bytes; undefined for one of text, which is always small, and one from memory of `small` bytes at most. */
function chunksOf(
  body: unknown,
  small: number,
): AsyncIterable<Uint8Array> | Iterable<Uint8Array> | undefined {
  if (body instanceof Uint8Array) return body.byteLength <= small ? undefined : [body];
  return body instanceof Readable ? bytesOf(body) : undefined;
}

async function* bytesOf(stream: Readable): AsyncGenerator<Uint8Array> {
  const chunks: AsyncIterable<unknown> = stream;
  for await (const chunk of chunks) {
    if (!(chunk instanceof Uint8Array)) throw new TypeError('the body of a request is not of bytes');
    yield chunk;
  }
}

/**
 * Tells the breaker how a call ended. That of a GET ends with its body, which may break off; but a trial, for which all others
 * wait, with the head of the answer.
 */
function follow(
  call: BreakerCall,
  request: HttpRequest,
  { response }: HttpAnswer,
  { signal, end }: { signal: AbortSignal | undefined; end: () => void },
): void {
  const isDown = response.statusCode >= 500 && response.statusCode !== NOT_IMPLEMENTED;
  if (isDown) call.failed(`HTTP ${response.statusCode}`);
  else if (request.method !== 'GET' || call.isTrial) call.succeeded();
  if (!(response.body instanceof Readable)) {
    call.succeeded();
    return end();
  }
  finished(response.body, (error) => {
    if (signal?.aborted === true) call.dropped();
    // Left unread by its reader, which is no fault of the server.
    else if (!error || isLeft(error)) call.succeeded();
    else call.failed(messageOf(error));
    end();
  });
}

function isLeft(error: NodeJS.ErrnoException): boolean {
  return error.code === 'ERR_STREAM_PREMATURE_CLOSE';
}

/** Calls `onOver` when the time is over, which begins anew with each `putOff`. */
function deadlineOf(ms: number, onOver: () => void): { putOff(): void; isOver(): boolean; clear(): void } {
  let over = false;
  const timer = setTimeout(() => {
    over = true;
    onOver();
  }, ms);
  return {
    putOff: () => void timer.refresh(),
    isOver: () => over,
    clear: () => clearTimeout(timer),
  };
}

/** Under the name by which the SDK knows an error that is worth its next try. */
function lateAnswer(ms: number): Error {
  return Object.assign(new Error(`no answer within ${ms / 1000} s`), { name: 'TimeoutError' });
}

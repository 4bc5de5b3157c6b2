import {
  Agent,
  createServer,
  request as forward,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

/** What is done to a request. All but the first two reach the real server. */
export type Fault =
  /** Answered by the proxy itself with this status and S3 error code, such as 503 `SlowDown`. */
  | { kind: 'answer'; status: number; code: string }
  /** The connection is reset after so many bytes of the request's body. */
  | { kind: 'reset'; afterBytes: number }
  /** The server's answer is cut off, by a reset, after so many bytes of its body. */
  | { kind: 'cut answer'; afterBytes: number }
  /** The server does what is asked, and its answer is lost: by a reset, or in silence until the client gives up. */
  | { kind: 'lose answer'; by: 'reset' | 'silence' }
  /** Handed on after a pause. Milliseconds. */
  | { kind: 'slow'; ms: number };

/** Which requests a fault meets. */
export interface FaultRule {
  method?: string;
  /** Of the path with its query. */
  path?: RegExp;
  /** So many of those that match are let through first. Default 0. */
  after?: number;
  /** How many it meets then. Default 1. */
  times?: number;
}

export interface SeenRequest {
  method: string;
  path: string;
  headers: IncomingMessage['headers'];
  /** What the client was answered with; undefined where it got no answer. */
  status: number | undefined;
}

/**
 * An HTTP proxy before a real server, to inject what a real network does to requests. Set it as the endpoint of an S3 client: the
 * `Host` header that the client signed is handed on as it came.
 */
export class FaultProxy {
  /** In the order of their arrival. */
  readonly requests: SeenRequest[] = [];
  /** How many faults were done. */
  faults = 0;
  readonly #target: URL;
  readonly #agent = new Agent({ keepAlive: true });
  readonly #server: Server;
  readonly #rules: { rule: FaultRule; fault: Fault; met: number }[] = [];
  #port = 0;

  constructor(target: string) {
    this.#target = new URL(target);
    this.#server = createServer((request, response) => void this.#handle(request, response));
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** The first rule that matches a request has its fault done; a rule that has met its number is spent. */
  inject(rule: FaultRule, fault: Fault): void {
    this.#rules.push({ rule, fault, met: 0 });
  }

  /** From now on requests pass untouched. */
  heal(): void {
    this.#rules.length = 0;
  }

  /** The requests seen of a method whose path matches. */
  seen(method: string, path: RegExp): SeenRequest[] {
    return this.requests.filter((request) => request.method === method && path.test(request.path));
  }

  /** Takes connections again, at the same port as before. */
  async listen(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject).listen(this.#port, '127.0.0.1', resolve);
    });
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('the proxy has no port');
    this.#port = address.port;
  }

  /** Refuses connections, and resets those that are open. */
  async refuse(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async close(): Promise<void> {
    if (this.#server.listening) await this.refuse();
    this.#agent.destroy();
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url: path = '', headers } = request;
    const seen: SeenRequest = { method, path, headers, status: undefined };
    this.requests.push(seen);
    // A connection that the client, or a fault, breaks off is no error of the proxy's.
    request.on('error', () => undefined);
    response.on('error', () => undefined);
    const fault = this.#faultFor(method, path);
    if (fault?.kind === 'answer') return answer(request, response, fault, seen);
    if (fault?.kind === 'reset') return resetAfter(request, fault.afterBytes);
    if (fault?.kind === 'slow') await sleep(fault.ms);
    this.#forward(request, response, fault, seen);
  }

  #faultFor(method: string, path: string): Fault | undefined {
    for (const entry of this.#rules) {
      const { rule } = entry;
      if (rule.method !== undefined && rule.method !== method) continue;
      if (rule.path?.test(path) === false) continue;
      const { after = 0, times = 1 } = rule;
      entry.met += 1;
      if (entry.met <= after || entry.met > after + times) continue;
      this.faults += 1;
      return entry.fault;
    }
    return undefined;
  }

  #forward(
    request: IncomingMessage,
    response: ServerResponse,
    fault: Fault | undefined,
    seen: SeenRequest,
  ): void {
    const { hostname, port } = this.#target;
    const { method, url: path, headers } = request;
    const onward = forward({ hostname, port, method, path, headers, agent: this.#agent }, (found) => {
      found.on('error', () => response.destroy());
      if (fault?.kind === 'lose answer') {
        found.resume();
        if (fault.by === 'reset') found.on('end', () => request.socket.resetAndDestroy());
        return;
      }
      seen.status = found.statusCode;
      response.writeHead(found.statusCode ?? 502, found.headers);
      if (fault?.kind === 'cut answer') return cutAfter(found, response, fault.afterBytes);
      found.pipe(response);
    });
    onward.on('error', () => request.socket.resetAndDestroy());
    response.on('close', () => {
      if (!response.writableFinished && fault?.kind !== 'lose answer') onward.destroy();
    });
    request.pipe(onward);
  }
}

/** After the whole request, as a server does that wants its connections used again. */
function answer(
  request: IncomingMessage,
  response: ServerResponse,
  { status, code }: { status: number; code: string },
  seen: SeenRequest,
): void {
  request.resume().on('end', () => {
    seen.status = status;
    response.writeHead(status, { 'content-type': 'application/xml' });
    response.end(`<Error><Code>${code}</Code><Message>injected</Message></Error>`);
  });
}

function resetAfter(request: IncomingMessage, bytes: number): void {
  let read = 0;
  const reset = (): void => void request.socket.resetAndDestroy();
  request.on('end', reset);
  request.on('data', (chunk: Buffer) => {
    read += chunk.length;
    if (read >= bytes) reset();
  });
}

function cutAfter(found: IncomingMessage, response: ServerResponse, bytes: number): void {
  let sent = 0;
  found.on('data', (chunk: Buffer) => {
    const part = chunk.subarray(0, bytes - sent);
    sent += part.length;
    response.write(part, () => {
      if (sent >= bytes) response.socket?.resetAndDestroy();
    });
  });
  found.on('end', () => response.socket?.resetAndDestroy());
}

/** A proxy that listens, before the server at `target`. */
export async function startFaultProxy(target: string): Promise<FaultProxy> {
  const proxy = new FaultProxy(target);
  await proxy.listen();
  return proxy;
}

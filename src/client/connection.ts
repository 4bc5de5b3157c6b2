import {
  Client,
  Connection,
  defaultGrpcRetryOptions,
  makeGrpcRetryInterceptor,
  type ConnectionOptions,
} from '@temporalio/client';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { connectionClosed, GRPC, translateError, type TemporalPlace } from './errors.js';

export interface TemporalOptions {
  /** `host:port`; without it `connectionOptions` or, in their absence, the environment says. */
  address?: string;
  namespace?: string;
  /** TLS, API key and the rest, as `loadClientConnectConfig()` of `@temporalio/envconfig` gives them. */
  connectionOptions?: ConnectionOptions;
  /** Who asks, for Temporal's own record; by default process id and host name. */
  identity?: string;
}

const DEFAULT_ADDRESS = 'localhost:7233';
const DEFAULT_NAMESPACE = 'default';

/** The server's poll and the outage runner take Temporal for dead after the same time. */
const REQUEST_TIMEOUT_MS = 10_000;

/**
 * A request is tried again for as long as it may take. The SDK's own pauses grow to 5 s, by which a request would outlast its
 * time limit; a server that limits our rate still gets them. Waiting for a result survives half a minute without Temporal.
 */
const RETRIES = defaultGrpcRetryOptions({
  maxAttempts: 30,
  maxIntervalMs: (status) => {
    const code: number = status.code;
    return code === GRPC.resourceExhausted ? 5_000 : 1_000;
  },
});

/**
 * gRPC's own pauses between two tries to connect grow to two minutes, and for so long an outage would seem to last after its end. A try
 * costs one packet.
 */
const RECONNECT = {
  'grpc.initial_reconnect_backoff_ms': 200,
  'grpc.min_reconnect_backoff_ms': 200,
  'grpc.max_reconnect_backoff_ms': 2_000,
};

export interface TemporalConnection extends TemporalPlace {
  /** Temporal's own client, for what this one does not offer. */
  readonly temporal: Client;
  /** Runs requests with a time limit of 10 s, and translates what they throw; see `translateError`. */
  readonly request: <T>(run: () => Promise<T>, timeoutMs?: number) => Promise<T>;
  /** Runs what may take any time, such as waiting for a result; translates what it throws. */
  readonly wait: <T>(run: () => Promise<T>) => Promise<T>;
  /** Gives up on what is under way, whose callers are told that it was cancelled, and closes. */
  close(): Promise<void>;
}

/**
 * Temporal's client. Nothing is sent before the first request, so it can be made where Temporal is down, and goes on
 * where Temporal comes back.
 */
export function openConnection(options: TemporalOptions = {}): TemporalConnection {
  const { connectionOptions, namespace } = resolveOptions(options);
  const calls = openCalls();
  const connection = Connection.lazy({
    interceptors: [
      makeGrpcRetryInterceptor({
        ...RETRIES,
        retryableDecider: (attempt, status) => !calls.isClosed() && RETRIES.retryableDecider(attempt, status),
      }),
    ],
    ...connectionOptions,
    channelArgs: { ...RECONNECT, ...connectionOptions.channelArgs },
  });
  const place = { address: connectionOptions.address, namespace };
  const wait = async <T>(run: () => Promise<T>): Promise<T> => {
    try {
      return await calls.track((signal) => connection.withAbortSignal(signal, run));
    } catch (error) {
      throw translateError(error, place);
    }
  };
  const { identity } = options;
  return {
    ...place,
    temporal: new Client({ connection, namespace, ...(identity === undefined ? {} : { identity }) }),
    wait,
    request: (run, timeoutMs = REQUEST_TIMEOUT_MS) =>
      wait(() => connection.withDeadline(Date.now() + timeoutMs, run)),
    close: async () => {
      await calls.end();
      await connection.close();
    },
  };
}

/**
 * The calls under way, ended before the channel closes: the SDK makes a call's next try from a timer, and on a closed channel that raises
 * where nobody can catch it, which ends the process.
 */
function openCalls() {
  const underWay = new Map<Promise<unknown>, AbortController>();
  let closed = false;
  return {
    isClosed: () => closed,
    track<T>(run: (signal: AbortSignal) => Promise<T>): Promise<T> {
      const abort = new AbortController();
      if (closed) return Promise.reject(connectionClosed());
      const call = run(abort.signal).finally(() => underWay.delete(call));
      underWay.set(call, abort);
      return call;
    },
    /** One that waits for its next try still makes it, and that is its last. */
    async end(): Promise<void> {
      closed = true;
      for (const abort of underWay.values()) abort.abort();
      await Promise.allSettled(underWay.keys());
    },
  };
}

interface ResolvedOptions {
  connectionOptions: ConnectionOptions & { address: string };
  namespace: string;
}

/** Temporal's environment variables and settings file are asked only where the caller names no place. */
function resolveOptions(given: TemporalOptions): ResolvedOptions {
  const asked = given.address === undefined && given.connectionOptions === undefined;
  const found: TemporalOptions = asked ? loadClientConnectConfig() : {};
  const connectionOptions = { ...found.connectionOptions, ...given.connectionOptions };
  return {
    connectionOptions: {
      ...connectionOptions,
      address: given.address ?? connectionOptions.address ?? DEFAULT_ADDRESS,
    },
    namespace: given.namespace ?? found.namespace ?? DEFAULT_NAMESPACE,
  };
}

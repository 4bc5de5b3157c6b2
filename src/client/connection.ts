import { setMaxListeners } from 'node:events';
import {
  Client,
  Connection,
  defaultGrpcRetryOptions,
  makeGrpcRetryInterceptor,
  WorkflowFailedError,
  type ConnectionOptions,
  type WorkflowClientInterceptor,
} from '@temporalio/client';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { isAkoshaError } from '../contract/index.js';
import { CircuitBreaker, type CallOptions, type CircuitBreakers } from '../runtime/index.js';
import { connectionClosed, GRPC, translateError, type TemporalPlace } from './errors.js';

export interface TemporalOptions {
  /** `host:port`; without it `connectionOptions` or, in their absence, the environment says. */
  address?: string;
  namespace?: string;
  /** TLS, API key and the rest, as `loadClientConnectConfig()` of `@temporalio/envconfig` gives them. */
  connectionOptions?: ConnectionOptions;
  /** Who asks, for Temporal's own record; by default process id and host name. */
  identity?: string;
  /** Those of the process, whose `temporal` it shares with the process's other clients; by default it has its own. */
  breakers?: CircuitBreakers | undefined;
  /** Temporal's own, around starts and signals. */
  interceptors?: WorkflowClientInterceptor[] | undefined;
}

const DEFAULT_ADDRESS = 'localhost:7233';
const DEFAULT_NAMESPACE = 'default';

/** The server's poll and the outage runner take Temporal for dead after the same time. */
const REQUEST_TIMEOUT_MS = 10_000;

/** With pauses of a second, waiting for a result survives half a minute without Temporal. A request's own time limit ends sooner. */
const RETRIES = defaultGrpcRetryOptions({ maxAttempts: 30 });

/** The SDK's pauses grow to 5 s, of which a request would see two, and see Temporal's return late. */
const LONGEST_PAUSE_MS = 1_000;

/**
 * gRPC's own pauses between two tries to connect grow to two minutes, and for so long an outage would seem to last after its end. A try
 * costs one packet.
 */
const RECONNECT = {
  'grpc.initial_reconnect_backoff_ms': 200,
  'grpc.min_reconnect_backoff_ms': 200,
  'grpc.max_reconnect_backoff_ms': 2_000,
};

/**
 * Only what `translateError` takes for a Temporal that is away is a failure, once per request and not per try of it. That a workflow failed
 * because Temporal was away, as one that nudges others may, was told by Temporal.
 */
const BREAKER = {
  name: 'temporal',
  unavailable: 'OrchestratorUnavailable',
  isFailure: (error: unknown) =>
    isAkoshaError(error, 'OrchestratorUnavailable') && !(error.cause instanceof WorkflowFailedError),
} as const;

type Run = <T>(run: () => Promise<T>) => Promise<T>;

/** Each way translates what is thrown; see `translateError`. */
export interface TemporalConnection extends TemporalPlace {
  /** Temporal's own client, for what this one does not offer. */
  readonly temporal: Client;
  /** Whether calls go through, for whoever tells of it. */
  readonly breaker: Pick<CircuitBreaker, 'status'>;
  /** Runs requests with a time limit of 10 s. Raises `OrchestratorUnavailable` at once where the breaker is open. */
  readonly request: Run;
  /** The same for questions that a worker answers: no answer in time may be that nobody works, and says nothing of Temporal. */
  readonly query: Run;
  /** Runs a request whatever the breaker's state, and an answer closes it unless it has done so in vain: for questions whether Temporal is there. */
  readonly probe: <T>(run: () => Promise<T>, timeoutMs: number) => Promise<T>;
  /**
   * Runs what may take any time, such as waiting for a result. It holds one call open instead of making many, so the breaker refuses it
   * never; the result closes it, as any answer does.
   */
  readonly wait: Run;
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
    interceptors: [retryUntilOver(calls.isClosed)],
    ...connectionOptions,
    channelArgs: { ...RECONNECT, ...connectionOptions.channelArgs },
  });
  const place = { address: connectionOptions.address, namespace };
  const breaker = options.breakers?.of(BREAKER) ?? new CircuitBreaker(BREAKER);
  const translated = <T>(run: () => Promise<T>, signal: AbortSignal): Promise<T> => {
    // The SDK adds a listener with each call and takes none away. A wait makes a call a minute, and the signal goes when it ends.
    setMaxListeners(0, signal);
    return connection.withAbortSignal(signal, run).catch((error: unknown) => {
      throw translateError(error, place);
    });
  };
  const call = <T>(run: () => Promise<T>, how: Omit<CallOptions, 'signal'> = {}): Promise<T> =>
    calls.track((signal) => breaker.run((inner) => translated(run, inner), { ...how, signal }));
  const within =
    <T>(run: () => Promise<T>, timeoutMs: number = REQUEST_TIMEOUT_MS) =>
    (): Promise<T> =>
      connection.withDeadline(Date.now() + timeoutMs, run);
  const { identity, interceptors } = options;
  return {
    ...place,
    temporal: new Client({
      connection,
      namespace,
      ...(identity === undefined ? {} : { identity }),
      ...(interceptors === undefined ? {} : { interceptors: { workflow: interceptors } }),
    }),
    breaker,
    request: (run) => call(within(run)),
    query: (run) => call(within(run), { waitsForOthers: true }),
    probe: (run, timeoutMs) => call(within(run, timeoutMs), { evenIfOpen: true, isHealthCheck: true }),
    wait: (run) => call(run, { evenIfOpen: true, untimed: true }),
    close: async () => {
      await calls.end();
      await connection.close();
    },
  };
}

type Interceptor = ReturnType<typeof makeGrpcRetryInterceptor>;

/**
 * The SDK's own retries, with our pauses, and without those after the call's deadline, of which a channel that cannot connect would have a
 * dozen more. The last failure before it says why; one at the deadline says only that time was over.
 */
function retryUntilOver(isClosed: () => boolean): Interceptor {
  return (call, nextCall) => {
    const left = (): number => Number(call.deadline ?? Infinity) - Date.now();
    const pause: typeof RETRIES.delayFunction = (attempt, status) => {
      const pauseMs = RETRIES.delayFunction(attempt, status);
      const code: number = status.code;
      // A server that limits our rate is given its time.
      return code === GRPC.resourceExhausted ? pauseMs : Math.min(pauseMs, LONGEST_PAUSE_MS);
    };
    return makeGrpcRetryInterceptor({
      retryableDecider: (attempt, status) =>
        !isClosed() && pause(attempt, status) < left() && RETRIES.retryableDecider(attempt, status),
      delayFunction: pause,
    })(call, nextCall);
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

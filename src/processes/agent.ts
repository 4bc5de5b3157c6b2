import { clockFrom, type Settings } from '../config/index.js';
import {
  countNotices,
  observeSyncs,
  type Logger,
  type MetricsTarget,
  type Traces,
} from '../telemetry/index.js';
import { runAll, takeLock, type CircuitBreakers } from '../runtime/index.js';
import { agentLockFile, detachedAgentLockFile } from '../runtime/lock-owner.js';
import { keepFlushing, SyncObserver, type Orchestrator } from '../upload/index.js';
import type { KeepWorkingOptions } from '../workers/index.js';
import { agentMetrics, serveMetrics } from './agent-metrics.js';
import { createBreakers } from './breakers.js';
import { openAgentParts, type AgentParts } from './agent-parts.js';

export { createBreakers };

export interface AgentProcess {
  readonly systemId: string;
  /** Whether it does what it is for: takes work from Temporal, or, where it is set to do without, uploads by itself. */
  readonly working: boolean;
  /** Finishes what is under way or hands it back, and closes everything. */
  stop(): Promise<void>;
}

export interface ProcessOptions {
  settings: Settings;
  log: Logger;
  connectionOptions: KeepWorkingOptions['connectionOptions'];
  namespace: string;
  /** Of the whole process, where it is more than an agent or a server alone. */
  breakers?: CircuitBreakers | undefined;
  /** Of the process; absent where none are recorded. */
  traces?: Traces | undefined;
}

export interface AgentOptions extends ProcessOptions {
  /** Started by a session's end: it makes way for one that lasts. */
  detached?: boolean;
  /** Of the process, where it has some; by default the agent has its own, and serves them itself. */
  metrics?: MetricsTarget;
}

/**
 * The agent of this host: carries out what is asked of its outbox, through Temporal while that is at hand, and takes its system's upload
 * steps from there. With `temporal` set to off it does all by itself, and does not even load what that needs.
 * Raises `StoreLocked` where another one runs on the same data folder.
 */
export async function startAgent(options: AgentOptions): Promise<AgentProcess> {
  const { dataDir } = options.settings;
  const unlock = await takeLock(
    options.detached === true ? detachedAgentLockFile(dataDir) : agentLockFile(dataDir),
  );
  try {
    return await startLocked(options, unlock);
  } catch (error) {
    await unlock();
    throw error;
  }
}

async function startLocked(options: AgentOptions, unlock: () => Promise<void>): Promise<AgentProcess> {
  const { settings, log, breakers = createBreakers(log) } = options;
  const metrics = options.metrics ?? agentMetrics(breakers);
  const onNotice = countNotices(metrics);
  const parts = await openAgentParts(settings, { now: clockFrom(settings), log, breakers, onNotice });
  const { host } = parts;
  observeSyncs(metrics, new SyncObserver(host.outbox));
  const hideMetrics = await exposed(options, metrics).catch(async (error: unknown) => {
    await parts.close();
    throw error;
  });
  const stopping = new AbortController();
  const temporal =
    settings.temporal === 'off'
      ? undefined
      : await joinTemporal(parts, { ...options, breakers }, stopping.signal);
  const flushing = keepFlushing({ host, orchestrator: temporal?.orchestrator }, stopping.signal);
  return {
    systemId: host.systemId,
    get working() {
      return temporal?.orchestrator.working ?? true;
    },
    stop: async () => {
      stopping.abort();
      await runAll([
        hideMetrics,
        () => Promise.all([flushing, temporal?.ended()]).then(() => undefined),
        () => parts.close(),
        unlock,
      ]);
    },
  };
}

/** Where the agent is the process's only part. One that a session's end started makes way for one that lasts, and leaves the address to it. */
function exposed(
  { settings: { metricsAddress }, detached = false, metrics: shared }: AgentOptions,
  metrics: MetricsTarget,
): Promise<() => Promise<void>> {
  const own = shared === undefined && !detached && metricsAddress !== undefined;
  return own ? serveMetrics(metricsAddress, metrics) : Promise.resolve(() => Promise.resolve());
}

interface TemporalSide {
  orchestrator: Orchestrator;
  /** After the signal: when the worker has drained. Raises where it did not. */
  ended(): Promise<void>;
}

async function joinTemporal(
  { host }: AgentParts,
  { settings, log, connectionOptions, namespace, breakers, traces: recorded }: ProcessOptions,
  signal: AbortSignal,
): Promise<TemporalSide> {
  const { systemId } = host;
  const [{ createAgentActivities }, { createAgentWorker }, { keepWorking }, { createAkoshaClient }] =
    await Promise.all([
      import('../activities/agent.js'),
      import('../workers/agent.js'),
      import('../workers/index.js'),
      import('../client/index.js'),
    ]);
  const identity = `akosha-agent-${systemId}@${process.pid}`;
  const traces = await recorded?.temporal();
  const interceptors = traces === undefined ? undefined : [traces.client];
  const client = createAkoshaClient({ connectionOptions, namespace, identity, breakers, interceptors });
  let working = false;
  const work = keepWorking(
    {
      connectionOptions,
      log,
      prepare: () => Promise.resolve(),
      create: async (connection) => [
        await createAgentWorker({
          connection,
          namespace,
          identity,
          systemId,
          activities: createAgentActivities({ host }),
          shutdownGraceMs: settings.shutdownGraceSeconds * 1000,
          shutdownForceMs: settings.shutdownForceSeconds * 1000,
          traces,
        }),
      ],
      onWorking: (now) => (working = now),
    },
    signal,
  );
  return {
    orchestrator: {
      get working() {
        return working;
      },
      requestSync: async () => {
        await client.lookAgain();
        await client.requestSync(systemId);
      },
      resumeUploads: async () => {
        await client.lookAgain();
        await client.resumeUploads(systemId);
      },
    },
    ended: async () => {
      try {
        await work;
      } finally {
        await client.close();
      }
    },
  };
}

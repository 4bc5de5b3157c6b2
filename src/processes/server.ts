import { createStoreActivities } from '../activities/server.js';
import { startApi, type RunningApi } from '../api/index.js';
import { createAkoshaClient, type AkoshaClient } from '../client/index.js';
import { requireServable } from '../config/index.js';
import { TIERS } from '../contract/index.js';
import type { BatchAcceptor } from '../ingest/index.js';
import { allEnded, runAll } from '../runtime/index.js';
import type { OutageWatch } from '../bootstrap/index.js';
import { listSchedules, reconcileSchedules } from '../schedules/index.js';
import type { Backlog } from '../store/index.js';
import { observeProcess, type Metrics, type TemporalTraces } from '../telemetry/index.js';
import { countWork, setBacklog, withMetrics } from './activity-metrics.js';
import type { ProcessOptions } from './agent.js';
import { backupOptions, runBackups } from './backup-loop.js';
import { createBatchAcceptor } from './batch-acceptor.js';
import { observeDrills } from './drills.js';
import { learnWhatExpired } from './expired.js';
import { Forgets } from './forgets.js';
import { openEmbedding, type Embedding } from './embedding.js';
import { runInboxPoll } from './inbox-poll.js';
import { logEarlyEnds } from './early-ends.js';
import { endedWithin } from './ended-within.js';
import { openOutageWatch, tellWhoeverIngests } from './outage.js';
import { keepWorking } from '../workers/index.js';
import { createServerWorkers } from '../workers/server.js';
import { openObjectEvents } from './object-events.js';
import { openRepairs } from './repairs.js';
import { runScheduleWatch } from './schedule-watch.js';
import { openServerParts, type ServerParts } from './server-parts.js';
import { observeScrubs } from './scrubs.js';
import { serverServices, type ServerState } from './server-services.js';
import { observeVectorIndexes } from './vector-index.js';

export interface ServerProcess {
  readonly api: RunningApi;
  /** Finishes what is under way or hands it back, checkpoints the store, closes everything. */
  stop(): Promise<void>;
}

export interface ServerProcessOptions extends ProcessOptions {
  metrics: Metrics;
  version: string;
  /** Told by `POST /api/v1/shutdown`. */
  onShutdown: () => void;
  /** More for `akosha status`, such as what `akosha up` started. */
  describe: () => Record<string, unknown>;
}

/**
 * The server: store, workers, inbox poll, outage watch and API. Works without Temporal too: it searches, queues what it finds, and after
 * ten seconds does the work of the workflows itself, until Temporal answers.
 */
export async function startServer(options: ServerProcessOptions): Promise<ServerProcess> {
  const { settings, log, metrics, namespace, connectionOptions } = options;
  requireServable(settings);
  const parts = await openServerParts(settings, log, metrics, options.breakers);
  observeProcess(metrics);
  const traces = await options.traces?.temporal();
  const client = createAkoshaClient({
    connectionOptions,
    namespace,
    identity: `akosha-server@${process.pid}`,
    breakers: parts.breakers,
    interceptors: traces === undefined ? undefined : [traces.client],
  });
  const outage = await openOutageWatch(options, parts, client);
  const ingest = tellWhoeverIngests(client, outage, parts.ingest);
  const acceptor = createBatchAcceptor(parts, ingest, options);
  const events = await openObjectEvents({ settings, parts, client: ingest, metrics, log });
  const state: ServerState = { working: false, stopping: false, outage: () => outage.status() };
  const embedding = openEmbedding(parts, options);
  const forgets = new Forgets({ forget: parts.forget, client, log });
  const repairs = openRepairs(parts.maintenance, options);
  const onBacklog = backlogObserver(options, parts, embedding);
  const stopping = new AbortController();
  const loops = {
    workers: runServerWorkers(options, { parts, client, outage, traces }, state, stopping.signal),
    'inbox poll': pollInboxes(options, { parts, onBacklog }, ingest, stopping.signal),
    'outage watch': outage.run(stopping.signal),
    embedding: embedding.run(stopping.signal),
    backup: runBackups(backupOptions(options, parts), stopping.signal),
    repairs: repairs.run(stopping.signal),
    'object events': events.run(stopping.signal),
    forgets: forgets.run(stopping.signal),
    'schedule watch': runScheduleWatch(
      {
        list: () => listSchedules(client),
        onPaused: (...ids) => outage.marks.setPaused(...ids),
        metrics,
        log,
      },
      stopping.signal,
    ),
  };
  logEarlyEnds(loops, log, stopping.signal);
  // That one ends when it knows.
  const running = [...Object.values(loops), learnWhatExpired(parts.maintenance, log, stopping.signal)];
  let api: RunningApi;
  try {
    // Before anybody can ask for metrics: from 0 to what there is would look like growth.
    await onBacklog(await parts.ingest.store.backlog());
    api = await startApi({
      host: settings.host,
      port: settings.port,
      apiToken: settings.apiToken,
      eventsToken: settings.eventsToken,
      version: options.version,
      log,
      metrics,
      services: serverServices({
        ...options,
        parts,
        client,
        ingest,
        acceptor,
        events,
        embedding,
        forgets,
        repairs,
        state,
      }),
    });
  } catch (error) {
    stopping.abort();
    await runAll([() => allEnded(running), () => client.close(), () => parts.close()]).catch(
      (fault: unknown) => {
        log.warn({ err: fault }, 'closing after a failed start');
      },
    );
    throw error;
  }
  return {
    api,
    stop: () => stop(api, { parts, client, acceptor, state, stopping, running, ...limits(settings), log }),
  };
}

interface Running {
  parts: ServerParts;
  client: AkoshaClient;
  acceptor: BatchAcceptor;
  state: ServerState;
  stopping: AbortController;
  running: Promise<void>[];
  /** For `running` to end, in milliseconds. */
  loopsMs: number;
  log: ServerProcessOptions['log'];
}

/** Not ready first, so that nobody sends more; the store last, since everything else uses it. */
async function stop(
  api: RunningApi,
  { parts, client, acceptor, state, stopping, running, loopsMs, log }: Running,
): Promise<void> {
  state.stopping = true;
  stopping.abort();
  await runAll([
    // Each uses the store, which is closed last.
    () => endedWithin(running, loopsMs, log),
    () => api.close(),
    // A client that was hung up on will ask again; what it sent is stored whole or not at all.
    () => acceptor.close(),
    () => client.close(),
    () => parts.close(),
  ]);
}

/** Workers end by themselves within `shutdown_force_seconds`; this is for them to say so. */
const LOOPS_MARGIN_MS = 1_000;

function limits({ shutdownForceSeconds }: ServerProcessOptions['settings']): { loopsMs: number } {
  return { loopsMs: shutdownForceSeconds * 1000 + LOOPS_MARGIN_MS };
}

interface Inner {
  parts: ServerParts;
  client: AkoshaClient;
  outage: OutageWatch;
  traces: TemporalTraces | undefined;
}

function runServerWorkers(
  { settings, log, metrics, version, namespace, connectionOptions }: ServerProcessOptions,
  { parts, client, outage, traces }: Inner,
  state: ServerState,
  signal: AbortSignal,
): Promise<void> {
  const counts = countWork(metrics);
  const activities = createStoreActivities({
    ingest: parts.ingest,
    maintenance: parts.maintenance,
    forget: parts.forget,
    retention: parts.retention,
    scrub: parts.scrub,
    drill: parts.drill,
    nudge: (systemIds, urgency) => client.nudgeIngest(systemIds, { urgency }),
    clock: parts.clock,
    now: Date.now,
    onIngested: (...args) => counts.ingested(...args),
    stopping: signal,
    outages: outage,
    log,
  });
  return keepWorking(
    {
      connectionOptions,
      log,
      prepare: async () => {
        await client.lookAgain();
        const added = await client.ensureSearchAttributes();
        if (added.length > 0) log.info({ added }, 'search attributes added to Temporal');
        await reconcileSchedules(client, outage.marks.paused);
      },
      create: (connection) =>
        createServerWorkers({
          connection,
          namespace,
          identity: `akosha-server@${process.pid}`,
          activities: withMetrics(activities, counts, (...args) => outage.marks.mark(...args)),
          ingestConcurrency: settings.ingestConcurrency,
          deployedVersion: settings.versionedWorkers ? version : undefined,
          shutdownGraceMs: settings.shutdownGraceSeconds * 1000,
          shutdownForceMs: settings.shutdownForceSeconds * 1000,
          traces,
        }),
      onWorking: (working) => (state.working = working),
    },
    signal,
  );
}

function pollInboxes(
  { settings, log }: ServerProcessOptions,
  { parts: { ingest }, onBacklog }: { parts: ServerParts; onBacklog: (backlog: Backlog) => Promise<void> },
  client: Pick<AkoshaClient, 'nudgeIngest'>,
  signal: AbortSignal,
): Promise<void> {
  return runInboxPoll(
    {
      ingest,
      intervalMs: settings.pollIntervalSeconds * 1000,
      log,
      nudge: (systemIds, urgency) => client.nudgeIngest(systemIds, { urgency }),
      ensureRunning: (systemIds) => client.nudgeIngest(systemIds, { onlyIfIdle: true, urgency: 'backlog' }),
      onBacklog,
    },
    signal,
  );
}

/** Sets the gauges of the backlog, and with it those of the store, so that they are as fresh as the queue's whoever asks for them. */
function backlogObserver(
  { metrics }: ServerProcessOptions,
  { ingest: { store } }: ServerParts,
  embedding: Embedding,
): (backlog: Backlog) => Promise<void> {
  return async (backlog) => {
    setBacklog(metrics, backlog, Date.now());
    const counts = await store.countTiers();
    for (const tier of TIERS) metrics.tierRows.set({ tier }, counts[tier].rows);
    await observeScrubs(store, metrics);
    await observeDrills(store, metrics);
    await embedding.observe();
    await observeVectorIndexes(store, metrics);
  };
}

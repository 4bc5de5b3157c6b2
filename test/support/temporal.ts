import { randomUUID } from 'node:crypto';
import { ApplicationFailure } from '@temporalio/common';
import { msToTs } from '@temporalio/common/lib/time.js';
import { DefaultLogger, Runtime, type NativeConnection, type Worker } from '@temporalio/worker';
import { createAkoshaClient, type AkoshaClient } from '../../src/client/index.js';
import {
  ERROR_TYPES,
  NO_OUTAGE_WORK,
  NOTHING_FORGOTTEN,
  NO_ROWS,
  NOTHING_SCRUBBED,
  type AgentActivities,
  type SnapshotSummary,
  type ErrorType,
  type StoreActivities,
  type WalkPortion,
  type WalkState,
  type WalkSummary,
} from '../../src/contract/index.js';
import { createAgentWorker } from '../../src/workers/agent.js';
import { connectWorkers, runWorkers } from '../../src/workers/index.js';
import { createServerWorkers, type ServerWorkerSettings } from '../../src/workers/server.js';
import { eventually } from './eventually.js';
import { gate } from './gate.js';

// Faults that tests inject would fill the report.
Runtime.install({ logger: new DefaultLogger('ERROR') });

/** A namespace of its own on the shared Temporal server: task queues and workflow ids are constants of the program. */
export interface TestNamespace {
  address: string;
  namespace: string;
  client: AkoshaClient;
  connection: NativeConnection;
  /** Of a workflow's last run, or the given one. */
  searchAttributes(workflowId: string, runId?: string): Promise<Record<string, unknown>>;
  /** What the workflow's page shows. Answered by a worker, also once it is closed. */
  details(workflowId: string): Promise<string | undefined>;
  /** How many events each run of a chain has, from the given one on. */
  eventsOfRuns(workflowId: string, firstRunId: string): Promise<number[]>;
  /** Starts the server's workers, and those of the named agents. */
  runWorkers(options: TestWorkers): Promise<RunningWorkers>;
  close(): Promise<void>;
}

export interface TestWorkers {
  store?: Partial<StoreActivities>;
  /** By system id. */
  agents?: Record<string, Partial<AgentActivities>>;
  settings?: Partial<
    Pick<
      ServerWorkerSettings,
      'maxCachedWorkflows' | 'shutdownGraceMs' | 'ingestConcurrency' | 'deployedVersion'
    >
  >;
}

export interface RunningWorkers {
  stop(): Promise<void>;
}

/** The least that the server takes. */
export const RETENTION = msToTs('1 day');

/** How long a new namespace may take to be known to every part of the server, whose caches are refreshed by time. */
const USABLE_WITHIN_MS = 30_000;

export async function createNamespace(address: string): Promise<TestNamespace> {
  const namespace = `test-${randomUUID().slice(0, 8)}`;
  const client = createAkoshaClient({ address, namespace, identity: 'test-client' });
  await client.connection.temporal.workflowService.registerNamespace({
    namespace,
    workflowExecutionRetentionPeriod: RETENTION,
  });
  await eventually(() => client.ensureSearchAttributes(), USABLE_WITHIN_MS);
  // A start that names the search attributes is refused until they have arrived everywhere.
  await eventually(() => client.nudgeIngest(['probe'], { onlyIfIdle: true }), USABLE_WITHIN_MS);
  await client.connection.temporal.workflow.getHandle('ingest/probe').terminate();
  const connection = await connectWorkers({ address });
  return {
    address,
    namespace,
    client,
    connection,
    searchAttributes: async (workflowId, runId) => {
      const run = await client.connection.temporal.workflow.getHandle(workflowId, runId).describe();
      const ours = run.typedSearchAttributes.getAll().filter(({ key }) => key.name.startsWith('Akosha'));
      return Object.fromEntries(ours.map(({ key, value }): [string, unknown] => [key.name, value]));
    },
    details: async (workflowId) => {
      const { workflow } = client.connection.temporal;
      const metadata = await workflow
        .getHandle(workflowId)
        .query<{ currentDetails?: string }>('__temporal_workflow_metadata');
      return metadata.currentDetails;
    },
    eventsOfRuns: async (workflowId, firstRunId) => {
      const { workflow } = client.connection.temporal;
      const lengths: number[] = [];
      for (let runId: string | null | undefined = firstRunId; typeof runId === 'string';) {
        const { events } = await workflow.getHandle(workflowId, runId).fetchHistory();
        lengths.push(events?.length ?? 0);
        runId = events?.at(-1)?.workflowExecutionContinuedAsNewEventAttributes?.newExecutionRunId;
      }
      return lengths;
    },
    runWorkers: (options) => runTestWorkers(connection, namespace, options),
    close: async () => {
      await connection.close();
      await client.close();
    },
  };
}

async function runTestWorkers(
  connection: NativeConnection,
  namespace: string,
  { store = {}, agents = {}, settings = {} }: TestWorkers,
): Promise<RunningWorkers> {
  const common = { connection, namespace, identity: 'test-worker', shutdownGraceMs: 1_000, ...settings };
  const workers: Worker[] = await createServerWorkers({
    ingestConcurrency: 4,
    ...common,
    activities: { ...IDLE_STORE, ...store },
  });
  for (const [systemId, activities] of Object.entries(agents)) {
    workers.push(
      await createAgentWorker({ ...common, systemId, activities: { ...WILLING_AGENT, ...activities } }),
    );
  }
  const stopper = new AbortController();
  const running = runWorkers(workers, stopper.signal);
  // Whoever stops them hears of it; until then it must not end the process.
  running.catch(() => undefined);
  return {
    stop: async () => {
      stopper.abort();
      await running;
    },
  };
}

/** Doubles for tests of the workflows, which have to see what activities return and when; here nothing is ever due. */
export const IDLE_STORE: StoreActivities = {
  handOver: () => Promise.resolve({ added: true }),
  nextUpload: () => Promise.resolve(null),
  ingestUpload: () => Promise.resolve({ status: 'ingested', rows: { ...NO_ROWS, new: 1 }, reason: null }),
  walkPortion: () => Promise.resolve(walked({ seen: 0, added: 0, at: 0 })),
  walkUploads: () => Promise.reject(new Error('only runs of long ago walk in one go')),
  countUnfinished: () => Promise.resolve(0),
  planTransition: ({ asOf }) => Promise.resolve({ asOf: asOf ?? 0, hot: 0, warm: 0, partitions: [] }),
  moveToWarm: () => Promise.resolve({ due: 0, moved: 0 }),
  moveToCold: () => Promise.resolve({ due: 0, moved: 0 }),
  moveChosen: () => Promise.resolve({ due: 0, moved: 0, left: 0, next: null }),
  planCompaction: () => Promise.resolve({ partitions: [] }),
  compactCold: () => Promise.resolve({ rows: 0, sources: 0, objects: 0, failed: 0 }),
  sweep: () => Promise.resolve({ rows: 0, tables: 0, objects: 0 }),
  endTransition: () =>
    Promise.resolve({
      toWarm: 0,
      toCold: 0,
      compacted: 0,
      expired: 0,
      held: 0,
      objects: 0,
      bytes: 0,
      seconds: 0,
    }),
  retireUploads: () => Promise.resolve({ deleted: 0, next: null }),
  restoreDrill: () => Promise.reject(new Error('this test holds no drill')),
  scrubPortion: () => Promise.resolve({ counts: NOTHING_SCRUBBED, next: null }),
  endScrub: ({ counts }) => Promise.resolve({ ...counts, findings: 0, skipped: [] }),
  beginForget: () => Promise.resolve({ scopeId: 'system/a', waitMs: 1 }),
  eraseForgotten: () => Promise.resolve({ rows: 0, objects: 0, uploads: 0 }),
  finishForget: () => Promise.resolve({ scopeId: 'system/a', counts: NOTHING_FORGOTTEN }),
  readOutage: ({ start }) =>
    Promise.resolve({
      ...{ start, detected: start, end: start },
      totals: NO_OUTAGE_WORK,
      ...{ steps: [], omitted: 0, samples: [] },
    }),
  closeOutage: () => Promise.resolve(),
};

/** A double that uploads one file at once and has nothing outstanding. */
export const WILLING_AGENT: AgentActivities = {
  readOutbox: () => Promise.resolve({ uploads: [], requested: false }),
  takeSnapshot: ({ uploadId }) => Promise.resolve(snapshotOf(uploadId)),
  deliverUpload: ({ uploadId }) =>
    Promise.resolve({ uploadId, method: 'cloud', files: ['a.duckdb'], bytes: 10 }),
  closeUpload: () => Promise.resolve(),
  dropUpload: () => Promise.resolve(),
  cancelUploads: () => Promise.resolve(),
  sendNotices: () => Promise.resolve(),
};

/** What a snapshot of one small database comes to. */
export function snapshotOf(uploadId: string, changes: Partial<SnapshotSummary> = {}): SnapshotSummary {
  return {
    status: 'prepared',
    uploadId,
    files: 1,
    bytes: 10,
    rows: { conversation: 1 },
    omitted: [],
    ...changes,
  };
}

/** A walk's only portion, or its last. */
export function walked({ at, ...counts }: WalkSummary): WalkPortion {
  return { state: { ...WALK_BEGUN, systems: null, ...counts }, done: true, at };
}

export const WALK_BEGUN: WalkState = {
  ...{ begunAt: 0, systemId: null, systems: 'start', rest: [] },
  ...{ folders: 0, seen: 0, added: 0, skipped: 0, read: 0, failed: 0, fault: null },
};

export { eventually, gate };

/** An error as an activity of ours raises it. */
export function failure(
  type: ErrorType,
  message = 'injected',
  more: { nextRetryDelay?: number } = {},
): ApplicationFailure {
  return ApplicationFailure.create({
    ...more,
    type,
    message,
    nonRetryable: ERROR_TYPES[type].permanent,
    details: [{ why: 'test' }],
  });
}

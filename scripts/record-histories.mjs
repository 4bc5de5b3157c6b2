// Records the histories that test/histories/replay.test.ts replays: `node scripts/record-histories.mjs [NAME…]`, after
// `npm run build`. With names, only the paths whose names begin with one of them: `ingest-system daily-ingest`.
// Run it for a workflow that is new or takes a new path. Never to make a failing replay pass: workflows that run at the time of
// an update are replayed by the new code, so what is recorded stays until no run of its age can exist.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ApplicationFailure } from '@temporalio/common';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { DefaultLogger, Runtime } from '@temporalio/worker';
import { createAkoshaClient } from '../dist/client/index.js';
import { NO_OUTAGE_WORK, NO_ROWS } from '../dist/contract/index.js';
import { withSpan } from '../dist/runtime/index.js';
import { requireServer } from '../dist/servers/index.js';
import { startTraces } from '../dist/telemetry/index.js';
import { createAgentWorker } from '../dist/workers/agent.js';
import { runWorkers } from '../dist/workers/index.js';
import { createServerWorkers } from '../dist/workers/server.js';

const FOLDER = fileURLToPath(new URL('../test/histories', import.meta.url));
const SYSTEM = 'recorded';
/** Events, so few that the histories of continued runs stay small. */
const SUGGEST_CONTINUE_AS_NEW = 70;
/** By default the SDK's clients and workers give this machine's name. */
const IDENTITY = 'recorder';

/** What the activities of the paths below do: just enough to lead the workflows there. */
const AGENT = {
  readOutbox: async () => ({ uploads: [], requested: false }),
  takeSnapshot: async ({ uploadId }) => ({
    status: 'prepared',
    uploadId,
    files: 1,
    bytes: 10,
    rows: { conversation: 1 },
    omitted: [],
  }),
  deliverUpload: async ({ uploadId }) => ({
    uploadId,
    method: 'cloud',
    files: ['reflection.duckdb'],
    bytes: 10,
  }),
  closeUpload: async () => {},
  dropUpload: async () => {},
  cancelUploads: async () => {},
  sendNotices: async () => {},
};
const STORE = {
  handOver: async () => ({ added: true }),
  nextUpload: async () => null,
  ingestUpload: async () => ({ status: 'ingested', rows: { ...NO_ROWS, new: 1 }, reason: null }),
  walkPortion: portions(1),
  countUnfinished: async () => 0,
  planTransition: async ({ asOf }) => ({ asOf: asOf ?? 0, hot: 0, warm: 0, partitions: [] }),
  moveToWarm: async () => ({ due: 0, moved: 0 }),
  moveToCold: async () => ({ due: 0, moved: 0 }),
  sweep: async () => ({ rows: 1, tables: 1, objects: 1 }),
  readOutage: async ({ start }) => ({
    ...{ start, detected: '2026-11-22T12:00:10.000Z', end: '2026-11-22T12:05:00.000Z' },
    totals: { ...NO_OUTAGE_WORK, ingested: 1, newRows: 1 },
    steps: [{ at: '2026-11-22T12:01:00.000Z', ms: 120, what: 'ingest', text: 'upload 1 of laptop ingested' }],
    ...{ omitted: 0, samples: [] },
  }),
  closeOutage: async () => {},
};

/**
 * Each path by the name of its file: the activities that lead there, and how it is started. `runs`: the whole chain is kept; `traced`: begun within
 * a trace, on workers that make spans.
 */
const PATHS = {
  'upload-memory': { agent: { readOutbox: waiting('01JD7Z0000000000000000000') }, start: requestSync },
  'upload-memory-retried': {
    agent: { deliverUpload: failingOnce(AGENT.deliverUpload, 'ObjectStoreUnavailable', false, 100) },
    start: requestSync,
  },
  'upload-memory-dropped': {
    agent: {
      readOutbox: waiting('01JD7Z0000000000000000000'),
      deliverUpload: failingOnce(AGENT.deliverUpload, 'UploadReplaced', true),
    },
    start: requestSync,
  },
  'upload-memory-unchanged': {
    agent: { takeSnapshot: async (ref) => ({ ...(await AGENT.takeSnapshot(ref)), status: 'unchanged' }) },
    start: requestSync,
  },
  'upload-memory-resumed': {
    agent: { readOutbox: waiting('01JD7Z0000000000000000000') },
    start: resumeUploads,
  },
  'upload-memory-reported': {
    agent: {
      deliverUpload: async (ref) => {
        await signalProgress(ref);
        return AGENT.deliverUpload(ref);
      },
    },
    start: requestSync,
  },
  'upload-memory-untold': {
    store: { handOver: failingOnce(STORE.handOver, 'BadRequest', true) },
    start: requestSync,
  },
  'upload-memory-told': {
    agent: {
      readOutbox: async () => ({ uploads: [], requested: false, notices: true }),
      sendNotices: failingOnce(AGENT.sendNotices, 'WebhookFailed', false, 100),
    },
    start: requestSync,
  },
  'upload-memory-again': duringSnapshot((akosha) => akosha.requestSync(SYSTEM)),
  'upload-memory-traced': { ...duringSnapshot((akosha) => akosha.requestSync(SYSTEM)), traced: true },
  'upload-memory-cancelled': { ...duringSnapshot((_akosha, run) => run.cancel()), fails: true },
  'upload-memory-uncleared': {
    ...duringSnapshot((_akosha, run) => run.cancel(), {
      cancelUploads: failingOnce(AGENT.cancelUploads, 'BadRequest', true),
    }),
    fails: true,
  },
  'upload-memory-replaced': {
    agent: replacedSnapshot(),
    start: requestSync,
  },
  'upload-memory-continued': {
    ...duringSnapshot((akosha) => akosha.requestSync(SYSTEM), {
      readOutbox: waiting(
        '01JD7Z0000000000000000000',
        '01JD7Z0000000000000000001',
        '01JD7Z0000000000000000002',
      ),
    }),
    runs: true,
  },
  'ingest-system': { store: queueOf(3), start: nudge },
  'ingest-system-retried': { store: queueOf(1, failingOnce), start: nudge },
  'ingest-system-continued': { store: queueOf(10), start: nudge, runs: true },
  'ingest-system-traced': { store: queueOf(10), start: nudge, runs: true, traced: true },
  'ingest-system-nudged': nudgedQueue(),
  'ingest-system-chained': { store: chained(queueOf(3)), start: nudge },
  // The histories daily-ingest*.json without `paged` are of walks in one go, which no run begins any more.
  'daily-ingest-paged': {
    store: { walkPortion: portions(3) },
    start: (client) => client.runDailyIngest(),
  },
  'daily-ingest-paged-retried': {
    store: { walkPortion: failingOnce(portions(2)) },
    start: (client) => client.runDailyIngest(),
  },
  'daily-ingest-paged-continued': {
    store: { walkPortion: portions(15), countUnfinished: counting([3, 2, 1, 0]) },
    start: (client) => client.runDailyIngest({ wait: true }),
    runs: true,
  },
  'daily-ingest-paged-failed': {
    store: { walkPortion: failingOnce(portions(2), 'ObjectStoreRefused', true) },
    start: (client) => client.runDailyIngest(),
    fails: true,
  },
  'outage-record': { start: recordOutage('2026-11-22T12:00:00.000Z') },
  'outage-record-retried': {
    store: { closeOutage: failingOnce(STORE.closeOutage, 'StoreClosed') },
    start: recordOutage('2026-11-22T13:00:00.000Z'),
  },
  'tier-transition': { store: rowsOf(15, 12), start: transition },
  'tier-transition-retried': {
    store: { ...rowsOf(5, 0), moveToWarm: failingOnce(async () => ({ due: 0, moved: 0 })) },
    start: transition,
  },
  'tier-transition-continued': { store: rowsOf(95, 20), start: transition, runs: true },
  'tier-transition-fruitless': {
    store: { ...rowsOf(5, 7), moveToWarm: changing(5), moveToCold: changing(7) },
    start: transition,
  },
  'tier-transition-held': {
    store: { ...rowsOf(5, 0), moveToWarm: holding(5) },
    start: transition,
  },
};

Runtime.install({ logger: new DefaultLogger('ERROR') });
const server = await TestWorkflowEnvironment.createLocal({
  server: {
    executable: { type: 'existing-path', path: (await requireServer('temporal')).path },
    log: { format: 'json', level: 'error' },
    extraArgs: [
      ...['--dynamic-config-value', `limit.historyCount.suggestContinueAsNew=${SUGGEST_CONTINUE_AS_NEW}`],
      ...['AkoshaSystemId', 'AkoshaUploadId', 'AkoshaTier', 'AkoshaPhase'].flatMap((name) => [
        '--search-attribute',
        `${name}=Keyword`,
      ]),
    ],
  },
});
/** Nobody listens there: what counts is what stands in the histories. */
const spans = await startTraces({
  endpoint: 'http://127.0.0.1:9/v1/traces',
  sampleRatio: 1,
  service: IDENTITY,
  version: '0',
  log: { warn: () => {} },
});
const traces = await spans.temporal();
const client = createAkoshaClient({
  address: server.address,
  identity: IDENTITY,
  interceptors: [traces.client],
});
const { workflow } = client.connection.temporal;
try {
  await mkdir(FOLDER, { recursive: true });
  const wanted = process.argv.slice(2);
  for (const [name, path] of Object.entries(PATHS)) {
    if (wanted.length === 0 || wanted.some((prefix) => name.startsWith(prefix))) await record(name, path);
  }
} finally {
  await client.close();
  await server.teardown();
  await spans.stop();
}

async function record(name, { agent = {}, store = {}, start, runs = false, fails = false, traced = false }) {
  const common = {
    connection: server.nativeConnection,
    namespace: 'default',
    identity: IDENTITY,
    ...(traced ? { traces } : {}),
  };
  const workers = [
    ...(await createServerWorkers({ ...common, activities: { ...STORE, ...store }, ingestConcurrency: 1 })),
    await createAgentWorker({ ...common, systemId: SYSTEM, activities: { ...AGENT, ...agent } }),
  ];
  const stopper = new AbortController();
  const running = runWorkers(workers, stopper.signal);
  try {
    const { workflowId, runId } = await (traced
      ? withSpan('akosha.sync', {}, () => start(client))
      : start(client));
    const handle = workflow.getHandle(workflowId, runId);
    await handle.result().catch((error) => {
      if (!fails) throw error;
    });
    await saveChain(name, workflowId, runId, runs);
  } finally {
    stopper.abort();
    await running;
  }
}

/** The history of the first run and, of a chain, of each that followed. */
async function saveChain(name, workflowId, firstRunId, chain) {
  let runId = firstRunId;
  for (let number = 1; runId; number += 1) {
    const history = await workflow.getHandle(workflowId, runId).fetchHistory();
    const file = `${name}${chain ? `-${number}` : ''}.json`;
    await writeFile(join(FOLDER, file), `${withoutStacks(historyToJSON(history))}\n`);
    console.log(`${file}: ${history.events.length} events`);
    runId = history.events.at(-1).workflowExecutionContinuedAsNewEventAttributes?.newExecutionRunId;
    if (Boolean(runId) && !chain) throw new Error(`${name} continued as new: raise SUGGEST_CONTINUE_AS_NEW`);
    if (number === 1 && chain && !runId) throw new Error(`${name} did not continue as new`);
  }
}

function requestSync(akosha) {
  return akosha.requestSync(SYSTEM);
}

async function resumeUploads(akosha) {
  await akosha.resumeUploads(SYSTEM);
  const { runId } = await workflow.getHandle(`upload/${SYSTEM}`).describe();
  return { workflowId: `upload/${SYSTEM}`, runId };
}

/** A workflow's failure has its stack, which would name the folders of this machine; a replay does not look at it. */
function withoutStacks(json) {
  return JSON.stringify(
    JSON.parse(json, (name, value) => (name === 'stackTrace' ? '' : value)),
    null,
    2,
  );
}

/** An outbox that holds these snapshots. */
function waiting(...uploadIds) {
  return async () => ({
    uploads: uploadIds.map((uploadId) => ({ uploadId, files: 1, bytes: 10 })),
    requested: false,
  });
}

/** The first snapshot's id is taken by other content, so that another one is taken. */
function replacedSnapshot() {
  let uploads = [];
  return {
    readOutbox: async () => ({ uploads, requested: false }),
    takeSnapshot: async (ref) => {
      uploads = [{ uploadId: ref.uploadId, files: 1, bytes: 10 }];
      return AGENT.takeSnapshot(ref);
    },
    deliverUpload: failingOnce(AGENT.deliverUpload, 'UploadReplaced', true),
    dropUpload: async () => void (uploads = []),
  };
}

async function signalProgress({ uploadId }) {
  const progress = { uploadId, method: 'cloud', files: 0, bytes: 5, totalBytes: 10 };
  await workflow.getHandle(`upload/${SYSTEM}`).signal('transferProgress', progress);
}

/** What happens while the snapshot is being taken. */
function duringSnapshot(act, agent = {}) {
  let acted = () => {};
  let reached = () => {};
  const began = new Promise((resolve) => (reached = resolve));
  const over = new Promise((resolve) => (acted = resolve));
  return {
    agent: {
      ...agent,
      takeSnapshot: async (ref) => {
        reached();
        await over;
        return AGENT.takeSnapshot(ref);
      },
    },
    start: async (akosha) => {
      const run = await akosha.requestSync(SYSTEM);
      await began;
      await act(akosha, run);
      acted();
      return run;
    },
  };
}

async function nudge(akosha) {
  await akosha.nudgeIngest([SYSTEM]);
  const { runId } = await workflow.getHandle(`ingest/${SYSTEM}`).describe();
  return { workflowId: `ingest/${SYSTEM}`, runId };
}

function recordOutage(start) {
  return async (akosha) => {
    await akosha.recordOutage(start);
    const { workflowId, runId } = await workflow.getHandle(`outage/${start}`).describe();
    return { workflowId, runId };
  };
}

function transition(akosha) {
  return akosha.runTierTransition({ asOf: '2026-11-22T12:00:00Z', all: true });
}

/** `waitMs`: before the second attempt, by default as the retry policy says. */
function failingOnce(work, type = 'ObjectStoreUnavailable', nonRetryable = false, waitMs) {
  let failed = false;
  return async (input) => {
    if (failed) return work(input);
    failed = true;
    const failure = ApplicationFailure.create({
      type,
      message: 'injected',
      nonRetryable,
      ...(waitMs === undefined ? {} : { nextRetryDelay: waitMs }),
    });
    // It would name the folders of this machine.
    failure.stack = undefined;
    throw failure;
  };
}

/** A queue that is empty; the nudge comes while it is looked at. */
function nudgedQueue() {
  let nudged = false;
  return {
    store: {
      nextUpload: async () => {
        if (!nudged) await workflow.getHandle(`ingest/${SYSTEM}`).signal('uploadReady');
        nudged = true;
        return null;
      },
    },
    start: nudge,
  };
}

/** Rows that have always changed by the time they are to be moved. */
function changing(due) {
  return async () => ({ due, moved: 0 });
}

/** Rows that cannot be moved, and are out of the next batch. */
function holding(rows) {
  let left = rows;
  return async () => {
    const due = left;
    left = 0;
    const held = [{ reason: 'row_missing', rows, example: `${SYSTEM} conversation c-1` }];
    return due === 0 ? { due: 0, moved: 0 } : { due, moved: 0, held };
  };
}

/** A walk of so many portions, with one upload each. */
function portions(count) {
  return async ({ state }) => {
    const seen = (state?.seen ?? 0) + 1;
    const done = seen === count;
    const systems = done ? null : { cursor: String(seen), after: `host-${seen}/`, restarts: 0 };
    const counts = { folders: seen, seen, added: seen, skipped: 0, read: seen, failed: 0, fault: null };
    return { state: { begunAt: 1, systemId: null, systems, rest: [], ...counts }, done, at: 1 };
  };
}

function counting(answers) {
  let asked = 0;
  return async () => answers[asked++] ?? 0;
}

function queueOf(length, disturb = (work) => work) {
  const queue = Array.from({ length }, (_, n) => `01JD7Z000000000000000000${String(n).padStart(2, '0')}`);
  return {
    nextUpload: async ({ systemId }) => (queue.length === 0 ? null : { systemId, uploadId: queue[0] }),
    ingestUpload: disturb(async (ref) => {
      queue.shift();
      return STORE.ingestUpload(ref);
    }),
  };
}

/** Each ingest tells what comes next, as the server does. */
function chained(queue) {
  return {
    ...queue,
    ingestUpload: async (ref) => ({ ...(await queue.ingestUpload(ref)), next: await queue.nextUpload(ref) }),
  };
}

/** Batches of ten rows; the cold ones are all of one month. */
function rowsOf(hot, warm) {
  const take = (rows) => Math.min(rows, 10);
  return {
    planTransition: async ({ asOf }) => ({
      asOf,
      hot,
      warm,
      partitions: warm === 0 ? [] : [{ systemId: SYSTEM, year: 2026, month: 1, rows: warm }],
    }),
    moveToWarm: async () => {
      const due = take(hot);
      hot -= due;
      return { due, moved: due };
    },
    moveToCold: async () => {
      const due = take(warm);
      warm -= due;
      return { due, moved: due };
    },
  };
}

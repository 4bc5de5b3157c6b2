import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { DefaultLogger, Runtime } from '@temporalio/worker';
import { createAkoshaClient } from '../../dist/client/index.js';
import { withSpan } from '../../dist/runtime/index.js';
import { requireServer } from '../../dist/servers/index.js';
import { startTraces } from '../../dist/telemetry/index.js';
import { createAgentWorker } from '../../dist/workers/agent.js';
import { runWorkers } from '../../dist/workers/index.js';
import { createServerWorkers } from '../../dist/workers/server.js';
import { AGENT, STORE, SYSTEM } from './doubles.mjs';

const FOLDER = fileURLToPath(new URL('../../test/histories', import.meta.url));
/** Events, so few that the histories of continued runs stay small. */
const SUGGEST_CONTINUE_AS_NEW = 70;
/** By default the SDK's clients and workers give this machine's name. */
const IDENTITY = 'recorder';

/**
 * Records paths, by the names of their files: the activities that lead there, and how each is started. `runs`: the whole chain is kept; `fails`: its end
 * may be a failure; `traced`: begun within a trace, on workers that make spans; `bounded`: by a server that suggests a new run as late as it does by
 * default, so that our own bound comes first.
 */
export async function recordPaths(paths) {
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  await mkdir(FOLDER, { recursive: true });
  // Nobody listens there: what counts is what stands in the histories.
  const spans = await startTraces({
    endpoint: 'http://127.0.0.1:9/v1/traces',
    sampleRatio: 1,
    service: IDENTITY,
    version: '0',
    log: { warn: () => {} },
  });
  const traces = await spans.temporal();
  try {
    for (const bounded of [false, true]) {
      const own = paths.filter(([, path]) => (path.bounded ?? false) === bounded);
      if (own.length > 0) await withServer({ bounded, traces }, (recorder) => recordAll(recorder, own));
    }
  } finally {
    await spans.stop();
  }
}

async function recordAll(recorder, paths) {
  for (const [name, path] of paths) await record(recorder, name, path);
}

async function withServer({ bounded, traces }, work) {
  const suggested = `limit.historyCount.suggestContinueAsNew=${SUGGEST_CONTINUE_AS_NEW}`;
  const attributes = ['AkoshaSystemId', 'AkoshaUploadId', 'AkoshaTier', 'AkoshaPhase'];
  const server = await TestWorkflowEnvironment.createLocal({
    server: {
      executable: { type: 'existing-path', path: (await requireServer('temporal')).path },
      log: { format: 'json', level: 'error' },
      extraArgs: [
        ...(bounded ? [] : ['--dynamic-config-value', suggested]),
        ...attributes.flatMap((name) => ['--search-attribute', `${name}=Keyword`]),
      ],
    },
  });
  const client = createAkoshaClient({
    address: server.address,
    identity: IDENTITY,
    interceptors: [traces.client],
  });
  try {
    await work({ server, client, traces });
  } finally {
    await client.close();
    await server.teardown();
  }
}

async function record({ server, client, traces }, name, path) {
  const { agent = {}, store = {}, start, runs = false, fails = false, traced = false } = path;
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
    const { workflow } = client.connection.temporal;
    await workflow
      .getHandle(workflowId, runId)
      .result()
      .catch((error) => {
        if (!fails) throw error;
      });
    await saveChain(workflow, { name, workflowId, runId, chain: runs });
  } finally {
    stopper.abort();
    await running;
  }
}

/** The history of the first run and, of a chain, of each that followed. */
async function saveChain(workflow, { name, workflowId, runId: firstRunId, chain }) {
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

/** A workflow's failure has its stack, which would name the folders of this machine; a replay does not look at it. */
function withoutStacks(json) {
  return JSON.stringify(
    JSON.parse(json, (name, value) => (name === 'stackTrace' ? '' : value)),
    null,
    2,
  );
}

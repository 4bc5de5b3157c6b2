import { NO_ROWS, NO_TOTALS } from '../../dist/contract/index.js';
import { failingOnce, STORE, SYSTEM } from './doubles.mjs';

/** That a history of ours is to have before its run goes on as a new one; and nudges at once, so that they are most of it. */
const BOUND = 1_000;
const NUDGES = 200;

export const ingestSystemPaths = () => ({
  'ingest-system': { store: queueOf(3), start: nudge() },
  'ingest-system-retried': { store: queueOf(1, failingOnce), start: nudge() },
  'ingest-system-continued': { store: queueOf(10), start: nudge(), runs: true },
  'ingest-system-traced': { store: queueOf(10), start: nudge(), runs: true, traced: true },
  'ingest-system-nudged': nudgedQueue(),
  'ingest-system-chained': { store: chained(queueOf(3)), start: nudge() },
  'ingest-system-further': { store: inTurns(queueOf(7), 3), start: nudge() },
  'ingest-system-begun': {
    store: chained(queueOf(2)),
    start: nudge({ nextOf: async () => ({ systemId: SYSTEM, uploadId: uploadId(0) }) }),
  },
  'ingest-system-again': again(),
  'ingest-system-raised': duringFirst((client) => client.nudgeIngest([SYSTEM], { urgency: 'announced' })),
  'ingest-system-bounded': {
    ...duringFirst(async (client) => {
      while ((await handleOf(client).describe()).historyLength < BOUND) {
        await client.nudgeIngest(Array(NUDGES).fill(SYSTEM), { urgency: 'backlog' });
      }
    }),
    runs: true,
    bounded: true,
  },
});

/** `options` as of the client's `nudgeIngest`. */
function nudge(options) {
  return async (client) => {
    await client.nudgeIngest([SYSTEM], options);
    const { runId } = await handleOf(client).describe();
    return { workflowId: `ingest/${SYSTEM}`, runId };
  };
}

function handleOf(client) {
  return client.connection.temporal.workflow.getHandle(`ingest/${SYSTEM}`);
}

function uploadId(n) {
  return `01JD7Z000000000000000000${String(n).padStart(2, '0')}`;
}

function queueOf(length, disturb = (work) => work) {
  const queue = Array.from({ length }, (_, n) => uploadId(n));
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

/** So many uploads to an activity, of which it tells together what came of those after its first. */
function inTurns(queue, uploads) {
  return {
    ...queue,
    ingestUpload: async (ref) => {
      const first = await queue.ingestUpload(ref);
      const totals = { ...NO_TOTALS, rows: { ...NO_ROWS } };
      let lastUploadId;
      let next;
      while ((next = await queue.nextUpload(ref)) !== null && totals.ingested < uploads - 1) {
        ({ uploadId: lastUploadId } = next);
        const { rows } = await queue.ingestUpload(next);
        totals.ingested += 1;
        totals.rows.new += rows.new;
      }
      return { ...first, next, ...(lastUploadId === undefined ? {} : { further: { lastUploadId, totals } }) };
    },
  };
}

/** A queue that is empty; the nudge comes while it is looked at. */
function nudgedQueue() {
  let akosha;
  let nudged = false;
  return {
    store: {
      nextUpload: async () => {
        if (!nudged) await handleOf(akosha).signal('uploadReady');
        nudged = true;
        return null;
      },
    },
    start: (client) => {
      akosha = client;
      return nudge()(client);
    },
  };
}

/** An upload that is ingested, is asked for again meanwhile, and can then not be read any more. */
function again() {
  const looks = [uploadId(0), uploadId(0)];
  const kept = { status: 'kept', rows: NO_ROWS, reason: 'no gzip' };
  let akosha;
  return {
    store: {
      nextUpload: async ({ systemId }) => ({ systemId, uploadId: looks[0] }),
      ingestUpload: async (ref) => {
        looks.shift();
        if (looks.length === 0) return { ...kept, next: null };
        await akosha.nudgeIngest([SYSTEM]);
        return { ...(await STORE.ingestUpload(ref)), next: null };
      },
    },
    start: (client) => {
      akosha = client;
      return nudge()(client);
    },
  };
}

/** What happens while the first of three uploads of a backlog is being ingested. */
function duringFirst(act) {
  const queue = chained(queueOf(3));
  let acted = () => {};
  let reached = () => {};
  const began = new Promise((resolve) => (reached = resolve));
  const over = new Promise((resolve) => (acted = resolve));
  return {
    store: {
      ...queue,
      ingestUpload: async (ref) => {
        reached();
        await over;
        return queue.ingestUpload(ref);
      },
    },
    start: async (client) => {
      const run = await nudge({ urgency: 'backlog' })(client);
      await began;
      await act(client);
      acted();
      return run;
    },
  };
}

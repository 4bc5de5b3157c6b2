import { AGENT, failingOnce, STORE, SYSTEM } from './doubles.mjs';

export const uploadMemoryPaths = () => ({
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
  'upload-memory-reported': reported(),
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
  'upload-memory-again': duringSnapshot(requestSync),
  'upload-memory-traced': { ...duringSnapshot(requestSync), traced: true },
  'upload-memory-cancelled': { ...duringSnapshot((_client, run) => run.cancel()), fails: true },
  'upload-memory-uncleared': {
    ...duringSnapshot((_client, run) => run.cancel(), {
      cancelUploads: failingOnce(AGENT.cancelUploads, 'BadRequest', true),
    }),
    fails: true,
  },
  'upload-memory-replaced': { agent: replacedSnapshot(), start: requestSync },
  'upload-memory-continued': {
    ...duringSnapshot(requestSync, {
      readOutbox: waiting(
        '01JD7Z0000000000000000000',
        '01JD7Z0000000000000000001',
        '01JD7Z0000000000000000002',
      ),
    }),
    runs: true,
  },
});

function requestSync(client) {
  return client.requestSync(SYSTEM);
}

async function resumeUploads(client) {
  await client.resumeUploads(SYSTEM);
  const { runId } = await handleOf(client).describe();
  return { workflowId: `upload/${SYSTEM}`, runId };
}

function handleOf(client) {
  return client.connection.temporal.workflow.getHandle(`upload/${SYSTEM}`);
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

/** The transfer tells how far it is. */
function reported() {
  let akosha;
  return {
    agent: {
      deliverUpload: async (ref) => {
        const progress = { uploadId: ref.uploadId, method: 'cloud', files: 0, bytes: 5, totalBytes: 10 };
        await handleOf(akosha).signal('transferProgress', progress);
        return AGENT.deliverUpload(ref);
      },
    },
    start: (client) => {
      akosha = client;
      return requestSync(client);
    },
  };
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
    start: async (client) => {
      const run = await requestSync(client);
      await began;
      await act(client, run);
      acted();
      return run;
    },
  };
}

import { failingOnce, STORE } from './doubles.mjs';

const FIRST = '2026-11-22T12:00:00.000Z';
/** More than a workflow's details show. */
const MANY_STEPS = 70;

export const outageRecordPaths = () => ({
  'outage-record': { start: recordOutage(FIRST) },
  'outage-record-retried': {
    store: { closeOutage: failingOnce(STORE.closeOutage, 'StoreClosed') },
    start: recordOutage('2026-11-22T13:00:00.000Z'),
  },
  'outage-record-second': {
    store: { readOutage: longOutage },
    start: async (client) => {
      await recordOutage('2026-11-22T14:00:00.000Z')(client);
      return recordOutage('2026-11-22T15:00:00.000Z')(client);
    },
  },
});

/** In which the server died and came back, and of which the middle is left out. */
async function longOutage(input) {
  const report = await STORE.readOutage(input);
  const [step] = report.steps;
  const steps = Array.from({ length: MANY_STEPS }, (_, n) => ({ ...step, ms: n }));
  const restart = {
    ...step,
    what: 'restart',
    text: 'the server was started again, with Temporal still away',
  };
  return { ...report, steps: [...steps, restart], omitted: 5 };
}

function recordOutage(start) {
  return async (client) => {
    await client.recordOutage(start);
    const { workflowId, runId } = await client.connection.temporal.workflow
      .getHandle(`outage/${start}`)
      .describe();
    return { workflowId, runId };
  };
}

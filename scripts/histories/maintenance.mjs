import { failingOnce, SYSTEM } from './doubles.mjs';

/** Nobody but its schedule starts it. */
const start = async ({ connection: { temporal } }) => {
  const options = { workflowId: 'maintenance', taskQueue: 'akosha', args: [] };
  const { workflowId, firstExecutionRunId } = await temporal.workflow.start('maintenance', options);
  return { workflowId, runId: firstExecutionRunId };
};

export const maintenancePaths = () => ({
  maintenance: { store: { retireUploads: batches(2) }, start },
  'maintenance-retried': { store: { retireUploads: failingOnce(batches(1)) }, start },
  'maintenance-continued': { store: { retireUploads: batches(15) }, start, runs: true },
});

/** So many batches, three uploads of each deleted. */
function batches(count) {
  let done = 0;
  return async () => {
    done += 1;
    const next = { part: 'expired', since: done, systemId: SYSTEM, uploadId: String(done) };
    return { deleted: 3, next: done < count ? next : null };
  };
}

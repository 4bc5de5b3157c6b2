import { proxyActivities, workflowInfo } from '@temporalio/workflow';
import { drillOptions, type DrillReport, type StoreActivities } from '../contract/index.js';
import { trackProgress } from './progress.js';

const { restoreDrill: drill } = proxyActivities<StoreActivities>(drillOptions());

/** Rebuilds the store into a scratch folder and compares it. A drill that fails is a result; the run fails where none could be held. */
export async function restoreDrill(): Promise<DrillReport> {
  const progress = trackProgress('steps');
  progress.enter('drill');
  const { workflowId, firstExecutionRunId } = workflowInfo();
  const report = await drill({ drillId: `${workflowId}/${firstExecutionRunId}` });
  progress.finish(
    report.passed ? `passed; memories ${report.memories}` : `failed: ${report.reason ?? 'no reason'}`,
  );
  return report;
}

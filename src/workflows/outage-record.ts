import { proxyActivities, setCurrentDetails, upsertMemo } from '@temporalio/workflow';
import {
  recordOptions,
  type OutageRecordInput,
  type OutageReport,
  type StoreActivities,
} from '../contract/index.js';
import { trackProgress } from './progress.js';

/** Of the steps at each end. Temporal takes 20 KB of details, and a line has some hundred characters. */
const LINES_AT_EACH_END = 30;
const LINE_LENGTH = 200;

/**
 * Puts what a server did while Temporal was away where everything else is to be seen: memo, details and result hold begin, end and
 * the steps with their times. Nothing is done again.
 */
export async function outageRecord({ start }: OutageRecordInput): Promise<OutageReport> {
  const progress = trackProgress('steps');
  const { readOutage, closeOutage } = proxyActivities<StoreActivities>(recordOptions());
  progress.enter('read');
  const report = await readOutage({ start });
  const steps = report.steps.length + report.omitted;
  upsertMemo({ begin: report.start, end: report.end, ...report.totals });
  progress.enter('close', { done: steps, total: steps });
  await closeOutage({ start });
  progress.finish(summaryOf(report));
  setCurrentDetails(render(report));
  return report;
}

function summaryOf({ start, end, totals }: OutageReport): string {
  const counts = Object.entries(totals)
    .filter(([, count]) => count > 0)
    .map(([name, count]) => `${name} ${count}`);
  return `Temporal was away from ${start} to ${end}; meanwhile: ${counts.join(', ') || 'nothing was due'}`;
}

/** Markdown, as Temporal's web page shows it. */
function render(report: OutageReport): string {
  const lines = report.steps.map(({ at, ms, text }) => `- ${at} (${ms} ms) ${text}`.slice(0, LINE_LENGTH));
  const hidden = lines.length - 2 * LINES_AT_EACH_END + report.omitted;
  const shown =
    hidden <= 0
      ? lines
      : [...lines.slice(0, LINES_AT_EACH_END), `- … ${hidden} more`, ...lines.slice(-LINES_AT_EACH_END)];
  return [`**done**: ${summaryOf(report)}`, `- taken over at ${report.detected}`, ...shown].join('\n');
}

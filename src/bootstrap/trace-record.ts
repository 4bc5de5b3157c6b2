import type { OutageReport } from '../contract/index.js';
import { recordPastSpan } from '../runtime/index.js';

/** An outage that is over as spans of their own times: one for it, below it one for each step that Temporal has of it too. */
export function recordOutageSpans({ start, end, totals, steps }: OutageReport): void {
  const fields = { rows: totals.newRows + totals.changedRows };
  recordPastSpan('akosha.outage', { fields, startedAt: Date.parse(start), endedAt: Date.parse(end) }, () => {
    for (const { at, ms, what } of steps) {
      const endedAt = Date.parse(at);
      recordPastSpan('akosha.outage.step', { fields: { outcome: what }, startedAt: endedAt - ms, endedAt });
    }
  });
}

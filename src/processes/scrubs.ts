import { z } from 'zod';
import type { ScrubStatus } from '../api/index.js';
import { FINDING_KINDS, isoTime, TABLE_TIERS } from '../contract/index.js';
import type { CheckRecord, ScrubStore } from '../store/index.js';
import type { Metrics } from '../telemetry/index.js';

/** More than a person reads: the rest is counted. */
const FINDINGS_TOLD = 100;

/** As `endScrub` wrote it. */
const Report = z.object({
  objects: z.number(),
  bytes: z.number(),
  placements: z.number(),
  rows: z.number(),
  findings: z.number(),
  skipped: z.array(z.enum(TABLE_TIERS)),
});

export async function scrubStatus(store: ScrubStore): Promise<ScrubStatus> {
  const [stop, findings, [last]] = await Promise.all([
    store.movingStop(),
    store.standingFindings(FINDINGS_TOLD),
    store.checks('scrub', 1),
  ]);
  return {
    stopped_since: stop === undefined ? null : isoTime(stop.since),
    findings: findings.map(({ foundAt, ...finding }) => ({ ...finding, found_at: isoTime(foundAt) })),
    findings_left_out: Math.max(0, (stop?.findings ?? 0) - findings.length),
    last: last === undefined ? null : toRun(last),
  };
}

function toRun({ checkId, begunAt, endedAt, passed, report }: CheckRecord): ScrubStatus['last'] {
  return {
    id: checkId,
    begun_at: isoTime(begunAt),
    ended_at: endedAt === null ? null : isoTime(endedAt),
    passed,
    report: report === null ? null : Report.parse(JSON.parse(report)),
  };
}

/** From the catalog, so that they outlive the process that scrubbed. */
export async function observeScrubs(store: ScrubStore, metrics: Metrics): Promise<void> {
  const [standing, runs] = await Promise.all([store.countStanding(), store.checks('scrub', RUNS_LOOKED_AT)]);
  for (const kind of FINDING_KINDS) metrics.scrubFindings.set({ kind }, standing[kind] ?? 0);
  const ended = runs.find(({ endedAt }) => endedAt !== null);
  metrics.scrubEnd.set((ended?.endedAt ?? 0) / 1000);
  metrics.scrubOk.set(ended?.passed === false ? 0 : 1);
}

/** The one that runs, and some that died, before the last that ended. */
const RUNS_LOOKED_AT = 10;

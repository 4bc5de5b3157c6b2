import { messageOf, SCHEDULE_IDS } from '../contract/index.js';
import { walkUploads, type IngestContext } from '../ingest/index.js';
import { allEnded } from '../runtime/index.js';
import type { ScheduleId } from '../schedules/index.js';
import type { RunMarks } from './run-marks.js';
import { Backoff, type Shift } from './shift.js';
import { runTransition, type TransitionWork } from './transition.js';
import type { WorkLog } from './work-log.js';

export interface ScheduledWork extends TransitionWork {
  ingest: IngestContext;
  marks: RunMarks;
  /** The system's clock, by which schedules fall due: milliseconds since 1970. */
  now: () => number;
  work: WorkLog;
}

/** A run that is so late is on time. */
const LOOK_MS = 1_000;

/** Does the work of the schedules when it falls due, and what was missed. The two wait for each other as little as their workflows do. */
export async function runScheduled(options: ScheduledWork, shift: Shift): Promise<void> {
  await allEnded([
    keepDoing(SCHEDULE_IDS.dailyIngest, options, shift, () => walk(options, shift)),
    keepDoing(SCHEDULE_IDS.tierTransition, options, shift, () => age(options, shift)),
  ]);
}

/** `run` answers whether it came to its end. */
async function keepDoing(
  scheduleId: ScheduleId,
  { marks, now, work }: ScheduledWork,
  shift: Shift,
  run: () => Promise<boolean>,
): Promise<void> {
  const backoff = new Backoff();
  while (!shift.over) {
    const begunAt = now();
    if (!shift.taking || backoff.left(performance.now()) > 0 || !marks.isDue(scheduleId, begunAt)) {
      await shift.rest(LOOK_MS);
      continue;
    }
    const started = performance.now();
    try {
      if (await run()) await marks.mark(scheduleId, begunAt);
      backoff.succeeded();
    } catch (error) {
      if (shift.signal.aborted) return;
      backoff.failed(performance.now());
      work.failed(`${scheduleId}: ${messageOf(error)}`, performance.now() - started);
    }
  }
}

async function walk({ ingest, work }: ScheduledWork, shift: Shift): Promise<boolean> {
  const started = performance.now();
  const { seen, added } = await walkUploads(ingest, () => undefined, shift.signal);
  work.walked({ seen, added: added.length }, performance.now() - started);
  if (added.length > 0) shift.wake();
  return true;
}

async function age(options: ScheduledWork, shift: Shift): Promise<boolean> {
  const started = performance.now();
  const outcome = await runTransition(options, () => shift.taking, shift.signal);
  options.work.transitioned(outcome, performance.now() - started);
  return outcome.finished;
}

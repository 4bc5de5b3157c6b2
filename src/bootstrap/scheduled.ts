import { isAkoshaError, messageOf, SCHEDULE_IDS, type WalkState } from '../contract/index.js';
import { beginWalk, isWalked, WalkFailed, walkPortion, type IngestContext } from '../ingest/index.js';
import { allEnded } from '../runtime/index.js';
import type { ScheduleId } from '../schedules/index.js';
import type { KeptWalk } from './kept-walk.js';
import type { RunMarks } from './run-marks.js';
import { Backoff, type Shift } from './shift.js';
import { runTransition, type TransitionWork } from './transition.js';
import type { WorkLog } from './work-log.js';

export interface ScheduledWork extends TransitionWork {
  ingest: IngestContext;
  marks: RunMarks;
  walk: KeptWalk;
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
    keepDoing(SCHEDULE_IDS.tierTransition, options, shift, (begunAt) => age(options, shift, begunAt)),
  ]);
}

/** `run` answers when that was begun which came to its end, if it did. */
async function keepDoing(
  scheduleId: ScheduleId,
  { marks, now, work }: ScheduledWork,
  shift: Shift,
  run: (begunAt: number) => Promise<number | undefined>,
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
      const ended = await run(begunAt);
      if (ended !== undefined) await marks.mark(scheduleId, ended);
      backoff.succeeded();
    } catch (error) {
      if (shift.signal.aborted) return;
      backoff.failed(performance.now());
      work.failed(`${scheduleId}: ${messageOf(error)}`, performance.now() - started);
    }
  }
}

/** Goes on where the last one stopped, with this process or before it; stops between two portions where nothing new may be begun. */
async function walk(options: ScheduledWork, shift: Shift): Promise<number | undefined> {
  const { ingest, walk: kept, now, work } = options;
  const started = performance.now();
  let state = (await keptWalk(options)) ?? (await beginWalk(ingest, now()));
  while (!isWalked(state)) {
    if (!shift.taking) return undefined;
    try {
      const portion = await walkPortion(ingest, state, { signal: shift.signal });
      ({ state } = portion);
      if (portion.found.added.length > 0) shift.wake();
    } catch (error) {
      // From here these would fail again. What the store refuses for now, as with credentials that were replaced, goes on from here.
      if (isAkoshaError(error, 'ListingExpired') || error instanceof WalkFailed) await kept.save(null);
      throw error;
    }
    await kept.save(isWalked(state) ? null : state);
  }
  work.walked(state, performance.now() - started);
  return state.begunAt;
}

/** None that an earlier outage left behind: its remainder says nothing of what came since, and Temporal may have walked meanwhile. */
async function keptWalk({ walk: kept, marks, now }: ScheduledWork): Promise<WalkState | null> {
  const state = await kept.load();
  return state === null || marks.isOutdated(SCHEDULE_IDS.dailyIngest, state.begunAt, now()) ? null : state;
}

async function age(options: ScheduledWork, shift: Shift, begunAt: number): Promise<number | undefined> {
  const started = performance.now();
  const outcome = await runTransition(options, () => shift.taking, shift.signal);
  options.work.transitioned(outcome, performance.now() - started);
  return outcome.finished ? begunAt : undefined;
}

import { ScheduleNotFoundError, ScheduleOverlapPolicy, type ScheduleHandle } from '@temporalio/client';
import type { AkoshaClient } from '../client/index.js';
import { AkoshaError } from '../contract/index.js';
import { SCHEDULES, type ScheduleId } from './definitions.js';

/** A schedule as it is in Temporal now. Times in milliseconds since 1970. */
export interface ScheduleState {
  scheduleId: ScheduleId;
  purpose: string;
  workflowType: string;
  paused: boolean;
  /** Why it was paused or resumed; at first its purpose. */
  note: string | null;
  /** None where it is paused. */
  nextRuns: number[];
  lastRun: { at: number; workflowId: string } | null;
  /** Ids of workflows that it started and that still run. */
  running: string[];
  runs: number;
  /** Runs that never were: later than the catch-up window, or because of the one before. */
  missed: number;
  skipped: number;
}

/** The schedules of the table that exist in Temporal; it creates them when a server starts. */
export async function listSchedules(client: AkoshaClient): Promise<ScheduleState[]> {
  const states = await Promise.all(SCHEDULES.map(({ scheduleId }) => readIfPresent(client, scheduleId)));
  return states.filter((state) => state !== undefined);
}

/** No run starts until it is resumed; one under way goes on. The reason is kept as the schedule's note. */
export function pauseSchedule(client: AkoshaClient, scheduleId: string, reason: string): Promise<void> {
  return operate(client, scheduleId, (handle) => handle.pause(reason));
}

export function resumeSchedule(client: AkoshaClient, scheduleId: string, reason: string): Promise<void> {
  return operate(client, scheduleId, (handle) => handle.unpause(reason));
}

/** Runs it once now, also where it is paused; after the run under way, where there is one, so that it is never skipped. */
export function triggerSchedule(client: AkoshaClient, scheduleId: string): Promise<void> {
  return operate(client, scheduleId, (handle) => handle.trigger(ScheduleOverlapPolicy.BUFFER_ONE));
}

/** A month: more runs at once would keep a schedule from its own for hours. */
const MAX_BACKFILL_DAYS = 31;
const DAY_MS = 86_400_000;

/**
 * Runs it once for each time that it was due on these days (ISO 8601 dates, UTC, both included), one run after the other, also where it
 * is paused. Times that are still to come are left out. Raises `BadRequest` for days that are none, or more than 31.
 */
export async function backfillSchedule(
  client: AkoshaClient,
  scheduleId: string,
  { from, to }: { from: string; to: string },
): Promise<void> {
  const first = requireDay('from', from);
  const behind = requireDay('to', to) + DAY_MS;
  if (behind <= first) throw new AkoshaError('BadRequest', `backfill: ${to} is before ${from}`);
  if (behind - first > MAX_BACKFILL_DAYS * DAY_MS)
    throw new AkoshaError(
      'BadRequest',
      `backfill: at most ${MAX_BACKFILL_DAYS} days at once, from ${from} on`,
    );
  if (first > Date.now()) throw new AkoshaError('BadRequest', `backfill: ${from} is still to come`);
  await operate(client, scheduleId, (handle) =>
    handle.backfill({
      // Temporal leaves out the start itself: a run that was due at midnight belongs to its day.
      start: new Date(first - 1),
      end: new Date(Math.min(behind - 1, Date.now())),
      overlap: ScheduleOverlapPolicy.BUFFER_ALL,
    }),
  );
}

function requireDay(name: string, text: string): number {
  const day = /^\d{4}-\d\d-\d\d$/.test(text) ? Date.parse(text) : NaN;
  if (!Number.isNaN(day)) return day;
  throw new AkoshaError(
    'BadRequest',
    `${name} must be a day such as 2026-11-22, not ${JSON.stringify(text)}`,
  );
}

/** Raises `BadRequest` for a schedule that we do not have, or that does not exist yet. */
async function operate(
  { connection }: AkoshaClient,
  scheduleId: string,
  run: (handle: ScheduleHandle) => Promise<void>,
): Promise<void> {
  const { scheduleId: known } = requireDefinition(scheduleId);
  try {
    await connection.request(() => run(connection.temporal.schedule.getHandle(known)));
  } catch (error) {
    if (!(error instanceof ScheduleNotFoundError)) throw error;
    throw new AkoshaError(
      'BadRequest',
      `schedule ${known} does not exist yet: it is created when the server starts`,
      {
        cause: error,
      },
    );
  }
}

async function readIfPresent(
  { connection }: AkoshaClient,
  scheduleId: ScheduleId,
): Promise<ScheduleState | undefined> {
  const { purpose } = requireDefinition(scheduleId);
  try {
    const { action, state, info } = await connection.request(() =>
      connection.temporal.schedule.getHandle(scheduleId).describe(),
    );
    const last = info.recentActions.at(-1);
    return {
      scheduleId,
      purpose,
      workflowType: action.workflowType,
      paused: state.paused,
      note: state.note ?? null,
      // Temporal tells the times of a paused one as well.
      nextRuns: state.paused ? [] : info.nextActionTimes.map((time) => time.getTime()),
      lastRun:
        last === undefined
          ? null
          : { at: last.takenAt.getTime(), workflowId: last.action.workflow.workflowId },
      running: info.runningActions.map(({ workflow }) => workflow.workflowId),
      runs: info.numActionsTaken,
      missed: info.numActionsMissedCatchupWindow,
      skipped: info.numActionsSkippedOverlap,
    };
  } catch (error) {
    if (error instanceof ScheduleNotFoundError) return undefined;
    throw error;
  }
}

function requireDefinition(scheduleId: string) {
  const definition = SCHEDULES.find((candidate) => candidate.scheduleId === scheduleId);
  if (definition !== undefined) return definition;
  throw new AkoshaError(
    'BadRequest',
    `there is no schedule ${JSON.stringify(scheduleId)}; there are ${SCHEDULES.map((known) => known.scheduleId).join(', ')}`,
  );
}

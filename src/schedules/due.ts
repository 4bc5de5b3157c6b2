import type { CalendarSpec, ScheduleSpec } from '@temporalio/client';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** In the order of the days since 1970, whose first was a Thursday. */
const WEEKDAYS = ['THURSDAY', 'FRIDAY', 'SATURDAY', 'SUNDAY', 'MONDAY', 'TUESDAY', 'WEDNESDAY'];

/**
 * When a schedule fell due last, at `now` or before; milliseconds since 1970. Intervals count from 1970 and hours are UTC's, as
 * Temporal has them.
 *
 * Understands what the table uses: an interval in milliseconds, and an hour and minute of every day or of one day of the week. Raises an `Error` for
 * anything else, which a test of the table would meet.
 */
export function lastDue({ intervals, calendars, timezone }: ScheduleSpec, now: number): number {
  const [interval, ...moreIntervals] = intervals ?? [];
  const [calendar, ...moreCalendars] = calendars ?? [];
  if (timezone === 'UTC' && moreIntervals.length + moreCalendars.length === 0) {
    if (calendar === undefined && typeof interval?.every === 'number' && interval.offset === undefined) {
      return now - (now % interval.every);
    }
    const cycle = interval === undefined && calendar !== undefined ? cycleOf(calendar) : undefined;
    if (cycle !== undefined) return Math.floor((now - cycle.first) / cycle.every) * cycle.every + cycle.first;
  }
  throw new Error(`lastDue does not understand ${JSON.stringify({ intervals, calendars, timezone })}`);
}

/** When a calendar falls due first, since 1970, and then how often. */
function cycleOf(calendar: CalendarSpec): { first: number; every: number } | undefined {
  const { hour, minute, dayOfWeek, comment: _comment, ...rest } = calendar;
  if (typeof hour !== 'number' || typeof minute !== 'number' || Object.keys(rest).length > 0)
    return undefined;
  const time = hour * HOUR + minute * MINUTE;
  if (dayOfWeek === undefined) return { first: time, every: DAY };
  const day = typeof dayOfWeek === 'string' ? WEEKDAYS.indexOf(dayOfWeek) : -1;
  return day < 0 ? undefined : { first: day * DAY + time, every: WEEKDAYS.length * DAY };
}

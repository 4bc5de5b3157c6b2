import type { ScheduleSpec } from '@temporalio/client';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/**
 * When a schedule fell due last, at `now` or before; milliseconds since 1970. Intervals count from 1970 and hours are UTC's, as
 * Temporal has them.
 *
 * Understands what the table uses: an interval in milliseconds, and an hour and minute of every day. Raises an `Error` for
 * anything else, which a test of the table would meet.
 */
export function lastDue({ intervals, calendars, timezone }: ScheduleSpec, now: number): number {
  const [interval, ...moreIntervals] = intervals ?? [];
  const [calendar, ...moreCalendars] = calendars ?? [];
  if (timezone === 'UTC' && moreIntervals.length + moreCalendars.length === 0) {
    if (calendar === undefined && typeof interval?.every === 'number' && interval.offset === undefined) {
      return now - (now % interval.every);
    }
    if (interval === undefined && calendar !== undefined) {
      const { hour, minute, comment: _comment, ...rest } = calendar;
      if (typeof hour === 'number' && typeof minute === 'number' && Object.keys(rest).length === 0) {
        const time = hour * HOUR + minute * MINUTE;
        return Math.floor((now - time) / DAY) * DAY + time;
      }
    }
  }
  throw new Error(`lastDue does not understand ${JSON.stringify({ intervals, calendars, timezone })}`);
}

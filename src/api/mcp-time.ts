/** ISO 8601 as Python's `isoformat` writes it: microseconds, and mostly no zone. */
const ISO =
  /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2})?)(?:[.,](\d{1,6})\d*)?(Z|[+-]\d{2}:?\d{2})?)?$/;

/**
 * A time for a TIMESTAMP column: without a zone as it stands, with one in UTC, microseconds kept. Null for what is none.
 */
export function wallTime(text: unknown): string | null {
  const match = typeof text === 'string' ? ISO.exec(text.trim()) : null;
  if (match === null) return null;
  const [, date = '', clock = '00:00', fraction = '', zone = 'Z'] = match;
  const seconds = clock.length === 5 ? `${clock}:00` : clock;
  const instant = Date.parse(`${date}T${seconds}${zone}`);
  if (Number.isNaN(instant) || !isDay(date)) return null;
  const [day, time] = new Date(instant).toISOString().split('T');
  return `${day} ${time?.slice(0, 8)}${fraction === '' ? '' : `.${fraction}`}`;
}

/** Whether it is a time, and one with a zone: an instant, and not what some clock showed. */
export function namesZone(text: unknown): boolean {
  return typeof text === 'string' && ISO.exec(text.trim())?.[4] !== undefined;
}

/** Date.parse takes 30 February for a day in March. */
function isDay(date: string): boolean {
  return new Date(Date.parse(`${date}T00:00Z`)).toISOString().startsWith(date);
}

/** Whole seconds between two instants in milliseconds; 0 where the clock was set back in between. */
export function secondsSince(then: number, now: number): number {
  return Math.max(0, Math.floor((now - then) / 1000));
}

/** JavaScript's dates end at the years ±270,000; DuckDB's timestamps, and so an odd row's own time, do not. */
const LAST_INSTANT = 8.64e15;

/** Milliseconds since 1970 as ISO 8601, and the nearest that can be told where they are beyond what it can. */
export function isoTime(ms: number): string {
  return new Date(Math.max(-LAST_INSTANT, Math.min(LAST_INSTANT, ms))).toISOString();
}

/** More than there are zones; names may come in any case, and what strangers send must not fill the memory. */
const MAX_KNOWN_ZONES = 1_000;

/** To ask the runtime takes up to a millisecond, and every manifest names its zone, most of them the same. */
const knownZones = new Set<string>();

/** Whether it is an IANA time zone, as the runtime's own table has it: no list of ours could keep up with the database of time zones. */
export function isTimeZone(name: string): boolean {
  if (knownZones.has(name)) return true;
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
  } catch {
    return false;
  }
  if (knownZones.size < MAX_KNOWN_ZONES) knownZones.add(name);
  return true;
}

import { uploadPrefix, type UploadRef } from '../contract/index.js';

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;

/** Pauses between two looks at an entry: the first as long as a poll's interval, each twice the one before. */
const FIRST_PAUSE_MS = 30 * SECOND_MS;
const LONGEST_PAUSE_MS = 15 * MINUTE_MS;

/** An agent announces an upload after its manifest stands, so that none needs any of this: it is for a clock or a store that we do not know. */
const GIVEN_UP_MS = 60 * MINUTE_MS;

/** Some ten megabytes. What is beyond it is looked at with every poll, as if it were new. */
const MOST = 100_000;

interface Absent {
  first: number;
  pause: number;
  next: number;
}

/**
 * Inbox entries whose uploads have no manifest. Each costs a request when it is looked at; so that many of them, left by whoever deleted
 * uploads by hand, neither cost one with every poll nor delay what is new, they are looked at less and less often, and given up after an hour. Times
 * are of the monotonic clock, in milliseconds.
 */
export class AbsentManifests {
  readonly #places = new Map<string, Absent>();

  /** Whether it is not yet time for another look. */
  isPausing(place: UploadRef, now: number): boolean {
    const known = this.#places.get(uploadPrefix(place));
    return known !== undefined && now < known.next;
  }

  /** It has none now. Returns whether it has been so for long enough to give it up; it is forgotten then. */
  note(place: UploadRef, now: number): boolean {
    const key = uploadPrefix(place);
    const known = this.#places.get(key);
    if (known !== undefined && now - known.first >= GIVEN_UP_MS) return this.#places.delete(key);
    if (known === undefined && this.#places.size >= MOST) return false;
    const pause = known === undefined ? FIRST_PAUSE_MS : Math.min(known.pause * 2, LONGEST_PAUSE_MS);
    this.#places.set(key, { first: known?.first ?? now, pause, next: now + pause });
    return false;
  }

  /** Forgets those whose entries are gone. */
  keepOnly(listed: ReadonlySet<string>): void {
    for (const key of this.#places.keys()) if (!listed.has(key)) this.#places.delete(key);
  }
}

import type { NewEntry } from './inbox-scan.js';

/**
 * The first portion: what a few seconds of ingest are enough for. More at once have come to wait somewhere, and among them nobody is in
 * a hurry.
 */
const NEWEST = 100;

/** Less than a second of requests, so that whoever comes in a portion is not kept waiting by the rest of it. */
const PORTION = 200;

export interface Portion {
  entries: NewEntry[];
  /** Among them is what has just come. */
  newest: boolean;
}

/**
 * In which order new entries are looked at. A burst, or a host with a thousand, delays nobody else: one entry of each system before the second
 * of any, the oldest of its own; among these the newest hundred first, because what comes on an idle day is always among them, and then the longest
 * waiting and the newest in turn.
 *
 * `entries`: the oldest first.
 */
export function* inTurns(entries: readonly NewEntry[]): Generator<Portion> {
  const [first = [], ...later] = inRounds(entries);
  let from = 0;
  let to = first.length;
  const takeOldest = (count: number): NewEntry[] => {
    const start = from;
    from = Math.min(to, from + count);
    return first.slice(start, from);
  };
  const takeNewest = (count: number): NewEntry[] => {
    const end = to;
    to = Math.max(from, to - count);
    return first.slice(to, end);
  };
  if (to > 0) yield { entries: takeNewest(NEWEST), newest: true };
  while (from < to) {
    yield { entries: takeOldest(PORTION), newest: false };
    if (from < to) yield { entries: takeNewest(PORTION), newest: false };
  }
  const rest = later.flat();
  for (let at = 0; at < rest.length; at += PORTION) {
    yield { entries: rest.slice(at, at + PORTION), newest: false };
  }
}

/** The oldest of each system, the second of each that has two, and so on. */
function inRounds(entries: readonly NewEntry[]): NewEntry[][] {
  const rounds: NewEntry[][] = [];
  const taken = new Map<string, number>();
  for (const entry of entries) {
    const { systemId } = entry.place;
    const round = taken.get(systemId) ?? 0;
    taken.set(systemId, round + 1);
    (rounds[round] ??= []).push(entry);
  }
  return rounds;
}

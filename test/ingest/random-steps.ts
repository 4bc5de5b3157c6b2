import fc from 'fast-check';
import type { HostFile } from './random-world.js';

export const IDS = ['a', 'b', 'c', 'd'];
/** Few texts, so that rows are often unchanged; and few databases, because each takes as long to make as to ingest. */
export const CONTENTS: HostFile['rows'][] = [
  { a: 'x' },
  { a: 'y' },
  { b: 'x' },
  { a: 'x', b: 'y' },
  { a: 'y', b: 'y', c: 'x' },
  { b: 'z', c: 'z', d: 'z' },
  { a: 'x', b: 'x', c: 'x', d: 'x' },
];
const STEPS = ['read', 'open', 'insert', 'journal', 'commit', 'finish'];

const system = fc.nat(1);
/** Of the uploads there are, by its place modulo their number. */
const which = fc.nat(20);
const by = fc.constantFrom('event', 'handover', 'inbox', 'walk');

/** One thing that happens. */
export const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('upload' as const),
      system,
      // Null: as the system's upload before it has.
      content: fc.option(fc.nat(CONTENTS.length - 1), { freq: 2 }),
      poison: fc.nat(5).map((n) => n === 0),
      // Its manifest comes later, after those of newer ones.
      late: fc.nat(2).map((n) => n === 0),
      // A host's clock may be wrong by decades.
      years: fc.constantFrom(0, 0, 0, -30, 30),
    }),
  },
  // An upload arrives after the next one, which says the same as the one before it, is ingested: steps drawn one by one seldom come to that.
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('overtake' as const),
      system,
      content: fc.nat(CONTENTS.length - 1),
      late: fc.nat(CONTENTS.length - 1),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('deliver' as const), which }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('announce' as const), which, by }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('ingest' as const),
      system,
      workers: fc.constantFrom(1, 1, 2),
      fails: fc.option(fc.constantFrom(...STEPS), { freq: 2 }),
      how: fc.constantFrom('crash', 'outage'),
    }),
  },
  // All that has arrived of a system: what comes late is late only once newer ones are ingested.
  { weight: 4, arbitrary: fc.record({ do: fc.constant('drain' as const), system }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('retry' as const), which, mended: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('drop' as const), which }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('again' as const), which }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('age' as const), days: fc.constantFrom(30, 200) }) },
);
export type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

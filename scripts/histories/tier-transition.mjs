import { failingOnce, SYSTEM } from './doubles.mjs';

export const tierTransitionPaths = () => ({
  'tier-transition': { store: rowsOf(15, 12), start: transition },
  'tier-transition-retried': {
    store: { ...rowsOf(5, 0), moveToWarm: failingOnce(async () => ({ due: 0, moved: 0 })) },
    start: transition,
  },
  'tier-transition-continued': { store: rowsOf(95, 20), start: transition, runs: true },
  'tier-transition-fruitless': {
    store: { ...rowsOf(5, 7), moveToWarm: changing(5), moveToCold: changing(7) },
    start: transition,
  },
  'tier-transition-held': {
    store: { ...rowsOf(5, 0), moveToWarm: holding(5) },
    start: transition,
  },
  'tier-transition-reported': { store: rowsOf(15, 12), start: transition },
  'tier-transition-lots': { store: rowsOf(15, 12), start: transition },
  'tier-transition-compacted': {
    store: {
      ...rowsOf(5, 0),
      planCompaction: async () => ({ partitions: [{ systemId: SYSTEM, year: 2026, month: 1 }] }),
    },
    start: transition,
  },
  'tier-transition-paused': { store: { ...rowsOf(15, 12), moveToWarm: pausedAfter(1) }, start: transition },
});

/** Somebody pauses moving while these batches are moved. */
function pausedAfter(batches) {
  return async () => (batches-- > 0 ? { due: 10, moved: 10 } : { due: 0, moved: 0, paused: true });
}

function transition(client) {
  return client.runTierTransition({ asOf: '2026-11-22T12:00:00Z', all: true });
}

/** Rows that have always changed by the time they are to be moved. */
function changing(due) {
  return async () => ({ due, moved: 0 });
}

/** Rows that cannot be moved, and are out of the next batch. */
function holding(rows) {
  let left = rows;
  return async () => {
    const due = left;
    left = 0;
    const held = [{ reason: 'row_missing', rows, example: `${SYSTEM} conversation c-1` }];
    return due === 0 ? { due: 0, moved: 0 } : { due, moved: 0, held };
  };
}

/** Batches of ten rows; the cold ones are all of one month. */
function rowsOf(hot, warm) {
  const take = (rows) => Math.min(rows, 10);
  return {
    planTransition: async ({ asOf }) => ({
      asOf,
      hot,
      warm,
      partitions: warm === 0 ? [] : [{ systemId: SYSTEM, year: 2026, month: 1, rows: warm }],
    }),
    moveToWarm: async () => {
      const due = take(hot);
      hot -= due;
      return { due, moved: due };
    },
    moveToCold: async () => {
      const due = take(warm);
      warm -= due;
      return { due, moved: due };
    },
  };
}

import { failingOnce } from './doubles.mjs';

const start = (client) => client.runScrub();

export const scrubPaths = () => ({
  scrub: { store: { scrubPortion: portions(3) }, start },
  'scrub-retried': { store: { scrubPortion: failingOnce(portions(1)) }, start },
  'scrub-continued': { store: { scrubPortion: portions(14) }, start, runs: true },
});

/** So many portions, of which the first half is of objects and the rest of rows. */
function portions(count) {
  let done = 0;
  return async () => {
    done += 1;
    const counts = { objects: 1, bytes: 10, placements: 2, rows: 0 };
    if (done === count) return { counts, next: null };
    const next =
      done < count / 2
        ? { part: 'objects', after: done, upTo: count }
        : { part: 'rows', tier: 'hot', table: 'day_20261122', after: done };
    return { counts, next };
  };
}

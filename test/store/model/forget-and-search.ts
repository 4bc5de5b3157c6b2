import type { Model, Step } from './explore.js';

/** What the end of a forget waits for. */
export interface ForgetAndSearchGuards {
  /** The receipt waits for the longest search: none that began before the tombstone is still under way. */
  waitsForSearches: boolean;
  /** The cache of cold objects is emptied of the object once more after that wait. */
  erasesCacheAgain: boolean;
}

/** Each step of a forget that is durable; the object holds another memory too, so that it is rewritten. */
const STEPS = ['tombstone', 'rewritten', 'cache erased', 'waited', 'cache erased again', 'receipt'] as const;

interface State {
  /** How many of `STEPS` are done. */
  forget: number;
  /** The object that has the memory stands. */
  object: boolean;
  cached: boolean;
  placed: boolean;
  /** A search that found the placement: `asked` for the object while it stood, or has its file open. */
  search: 'none' | 'placed' | 'asked' | 'reading';
  /** It began before the tombstone. */
  early: boolean;
  answeredLate: boolean;
}

/** A memory in a cold object, a search that is reading it, and a forget beside it. */
export function forgetAndSearch(guards: ForgetAndSearchGuards): Model<State> {
  function forget(state: State): Step<State>[] {
    const step = STEPS[state.forget];
    if (step === undefined) return [];
    const isBlocked = step === 'waited' && guards.waitsForSearches && state.early && state.search !== 'none';
    if (isBlocked) return [];
    const erases = step === 'cache erased' || (step === 'cache erased again' && guards.erasesCacheAgain);
    const next: State = {
      ...state,
      forget: state.forget + 1,
      placed: step === 'tombstone' ? false : state.placed,
      object: step === 'rewritten' ? false : state.object,
      cached: erases ? false : state.cached,
    };
    return [{ does: `forget: ${step}`, next }];
  }

  function search(state: State): Step<State>[] {
    const isOver = state.forget === STEPS.length;
    switch (state.search) {
      case 'none': {
        const next: State = { ...state, search: 'placed', early: state.forget === 0 };
        return state.placed ? [{ does: 'search: reads the placement', next }] : [];
      }
      case 'placed': {
        if (state.cached)
          return [{ does: 'search: opens the cached copy', next: { ...state, search: 'reading' } }];
        if (state.object)
          return [{ does: 'search: asks for the object', next: { ...state, search: 'asked' } }];
        return [{ does: 'search: misses, and finds no placement', next: { ...state, search: 'none' } }];
      }
      case 'asked':
        return [
          {
            does: 'search: has the object in the cache',
            next: { ...state, cached: true, search: 'reading' },
          },
        ];
      case 'reading':
        return [{ does: 'search: answers', next: { ...state, search: 'none', answeredLate: isOver } }];
    }
  }

  return {
    start: {
      forget: 0,
      object: true,
      cached: false,
      placed: true,
      search: 'none',
      early: false,
      answeredLate: false,
    },
    choices: search,
    work: forget,
    faults: () => [],
    // What a dead process was fetching is a part file, which the next one deletes when it starts.
    crash: (state) => ({ ...state, search: 'none' }),
    broken: ({ forget: done, object, cached, answeredLate }) => {
      if (answeredLate) return 'a search answers with the memory after the receipt';
      if (done < STEPS.length) return null;
      if (object) return 'the object stands after the receipt';
      return cached ? 'a cached copy stands after the receipt' : null;
    },
    brokenAtRest: ({ placed, forget: done }) =>
      placed || done < STEPS.length ? 'the forget never ends' : null,
  };
}

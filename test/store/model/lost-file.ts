import type { Model, Step } from './explore.js';

/** What a repair and the moves beside it must keep to. */
export interface LostFileGuards {
  /** A repair places its copy only where the placement still names the row that was lost. */
  repairFindsItsRow: boolean;
  /** A move whose source is not there moves nothing. */
  moveReadsItsSource: boolean;
  /** The sweep leaves an object that is a placement's keeper. */
  keepersStay: boolean;
}

/**
 * A slot is one attempt: the row and the object that it writes are numbered as it is, so that no number is used twice. A loss and the crash
 * before rest each end one attempt, so with three, of a repair with two, there is one left.
 */
const SLOTS = [
  { kind: 'ingest', version: 1 },
  { kind: 'ingest', version: 2 },
  { kind: 'ingest', version: 2 },
  { kind: 'ingest', version: 2 },
  { kind: 'cold', version: 0 },
  { kind: 'repair', version: 0 },
  { kind: 'repair', version: 0 },
] as const;
const COLD = SLOTS.findIndex(({ kind }) => kind === 'cold');

interface Attempt {
  at: 'not begun' | 'open' | 'written' | 'put' | 'closed';
  /** The row that the placement named when it was opened, its version and keeper. */
  row: number;
  version: number;
  keeper: number;
}

interface State {
  /** Whether the upload of version 2 is there, and whether it is in the ledger. */
  upload: 'none' | 'raw' | 'done';
  attempts: Attempt[];
  /** Versions by number of row in the file of hot, and of object. 0: none. */
  rows: number[];
  objects: number[];
  placement: { version: number; row: number; tier: 'hot' | 'cold'; keeper: number };
  losses: number;
}

const NONE: Attempt = { at: 'not begun', row: -1, version: 0, keeper: -1 };

/** A memory, of which a second version comes; the file of hot is lost and made anew, and what was in it comes back from the keepers. */
export function lostFile(guards: LostFileGuards): Model<State> {
  const put = (list: readonly number[], at: number, value: number): number[] => list.with(at, value);
  const advance = (state: State, slot: number, change: Partial<Attempt>): Attempt[] =>
    state.attempts.with(slot, { ...(state.attempts[slot] ?? NONE), ...change });

  /** Two attempts at the same are what other tests are about. */
  const isBusy = (state: State, slot: number): boolean =>
    state.attempts.some(
      ({ at }, n) =>
        SLOTS[n]?.kind === SLOTS[slot]?.kind &&
        SLOTS[n]?.version === SLOTS[slot]?.version &&
        at !== 'not begun' &&
        at !== 'closed',
    );

  function ingest(state: State, slot: number, version: number): Step<State>[] {
    const { at } = state.attempts[slot] ?? NONE;
    const name = `ingest ${slot} of version ${version}`;
    if (at === 'not begun' && state.upload === 'raw' && !isBusy(state, slot))
      return [{ does: `${name}: opens`, next: { ...state, attempts: advance(state, slot, { at: 'open' }) } }];
    if (at === 'open') {
      const next = {
        ...state,
        rows: put(state.rows, slot, version),
        attempts: advance(state, slot, { at: 'written' }),
      };
      return [{ does: `${name}: inserts its row`, next }];
    }
    if (at === 'written') {
      const next = {
        ...state,
        objects: put(state.objects, slot, version),
        attempts: advance(state, slot, { at: 'put' }),
      };
      return [{ does: `${name}: puts its journal`, next }];
    }
    if (at !== 'put') return [];
    const closed = { ...state, attempts: advance(state, slot, { at: 'closed' }) };
    const next: State = {
      ...closed,
      upload: 'done',
      placement: { version, row: slot, tier: 'hot', keeper: slot },
    };
    return [{ does: `${name}: commits`, next }];
  }

  function open(state: State, slot: number, name: string): Step<State>[] {
    const { placement } = state;
    if (placement.tier !== 'hot') return [];
    const { row, version, keeper } = placement;
    const next = { ...state, attempts: advance(state, slot, { at: 'open', row, version, keeper }) };
    return [{ does: `${name}: opens`, next }];
  }

  function cold(state: State, slot: number): Step<State>[] {
    const { at, row, version } = state.attempts[slot] ?? NONE;
    if (at === 'not begun') return open(state, slot, 'move to cold');
    if (at === 'open') {
      const found = state.rows[row] ?? 0;
      if (found === 0 && guards.moveReadsItsSource) {
        const next = { ...state, attempts: advance(state, slot, { at: 'closed' }) };
        return [{ does: 'move to cold: finds no source, holds the row', next }];
      }
      const next = {
        ...state,
        objects: put(state.objects, slot, found),
        attempts: advance(state, slot, { at: 'put' }),
      };
      return [{ does: 'move to cold: puts its object', next }];
    }
    if (at !== 'put') return [];
    const closed = { ...state, attempts: advance(state, slot, { at: 'closed' }) };
    const stands = state.placement.tier === 'hot' && state.placement.row === row;
    const next: State = stands
      ? { ...closed, placement: { version, row: -1, tier: 'cold', keeper: slot } }
      : closed;
    return [{ does: 'move to cold: commits', next }];
  }

  function repair(state: State, slot: number): Step<State>[] {
    const { at, row, keeper } = state.attempts[slot] ?? NONE;
    const name = `repair ${slot}`;
    if (at === 'not begun') {
      const isLost = state.placement.tier === 'hot' && state.rows[state.placement.row] === 0;
      return isLost && !isBusy(state, slot) ? open(state, slot, name) : [];
    }
    if (at === 'open') {
      const kept = state.objects[keeper] ?? 0;
      const next = {
        ...state,
        rows: put(state.rows, slot, kept),
        attempts: advance(state, slot, { at: 'written' }),
      };
      return [{ does: `${name}: inserts what the keeper has`, next }];
    }
    if (at !== 'written') return [];
    const closed = { ...state, attempts: advance(state, slot, { at: 'closed' }) };
    const { placement } = state;
    const stands = placement.tier === 'hot' && (!guards.repairFindsItsRow || placement.row === row);
    const next = stands ? { ...closed, placement: { ...placement, row: slot } } : closed;
    return [{ does: `${name}: commits`, next }];
  }

  function sweep(state: State): Step<State>[] {
    const { placement } = state;
    return SLOTS.flatMap((_, slot) => {
      if (state.attempts[slot]?.at !== 'closed') return [];
      const steps: Step<State>[] = [];
      if (state.rows[slot] !== 0 && !(placement.tier === 'hot' && placement.row === slot))
        steps.push({ does: `sweep: takes row ${slot}`, next: { ...state, rows: put(state.rows, slot, 0) } });
      const isNamed = placement.keeper === slot && (guards.keepersStay || placement.tier === 'cold');
      if (state.objects[slot] !== 0 && !isNamed)
        steps.push({
          does: `sweep: takes object ${slot}`,
          next: { ...state, objects: put(state.objects, slot, 0) },
        });
      return steps;
    });
  }

  const dies = (state: State): Attempt[] =>
    state.attempts.map((attempt) => (attempt.at === 'not begun' ? attempt : { ...attempt, at: 'closed' }));

  return {
    start: {
      upload: 'none',
      attempts: SLOTS.map((_, slot) => (slot === 0 ? { ...NONE, at: 'closed' } : NONE)),
      rows: SLOTS.map((_, slot) => (slot === 0 ? 1 : 0)),
      objects: SLOTS.map((_, slot) => (slot === 0 ? 1 : 0)),
      placement: { version: 1, row: 0, tier: 'hot', keeper: 0 },
      losses: 0,
    },
    choices: (state) => [
      ...(state.upload === 'none'
        ? [{ does: 'host: uploads version 2', next: { ...state, upload: 'raw' as const } }]
        : []),
      ...cold(state, COLD),
    ],
    work: (state) => [
      ...SLOTS.flatMap(({ kind, version }, slot) => {
        if (kind === 'ingest') return ingest(state, slot, version);
        return kind === 'repair' ? repair(state, slot) : [];
      }),
      ...sweep(state),
    ],
    faults: (state) =>
      state.losses === 0
        ? [
            {
              does: 'the file of hot is lost; the server starts with an empty one',
              next: { ...state, attempts: dies(state), rows: state.rows.map(() => 0), losses: 1 },
            },
          ]
        : [],
    crash: (state) => ({ ...state, attempts: dies(state) }),
    broken: ({ placement, objects, rows, losses }) => {
      const { version, row, tier, keeper } = placement;
      if (objects[keeper] !== version) return 'no durable copy of what is placed';
      if (tier === 'cold' || rows[row] === version) return null;
      if (rows[row] !== 0) return 'a row of another version than its placement';
      return losses === 0 ? 'a row is missing though nothing was lost' : null;
    },
    brokenAtRest: ({ upload, placement: { version, tier, row }, rows }) => {
      if (version !== (upload === 'none' ? 1 : 2)) return 'not the newest version is found';
      return tier === 'hot' && rows[row] === 0 ? 'what was lost is not repaired' : null;
    },
  };
}

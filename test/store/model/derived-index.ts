import type { Model, Step } from './explore.js';

/** What an index beside the catalog, and who asks it, must keep to. */
export interface DerivedIndexGuards {
  /** The words of a memory are indexed by the transaction that places it. */
  wordsInCommit: boolean;
  /** What the index holds and how far it followed the changes is one file, renamed into its place. */
  watermarkInFile: boolean;
  /** Changes go once the saved file has them, not once the index in memory has. */
  changesUntilSaved: boolean;
  /** A candidate is answered by its current placement. */
  answersByPlacement: boolean;
}

interface State {
  /** The version that is placed and its row; rows are numbered in the order in which they came. */
  placement: { version: number; row: number } | null;
  rows: number;
  forgotten: boolean;
  /** The version whose words are found; and one whose words wait to be indexed, in memory. */
  words: number;
  wordsWaiting: number | null;
  /** The row that each change placed; 0: it removed the memory. `trimmed` of them are gone. */
  changes: number[];
  trimmed: number;
  /** The row whose vector is in the index, and how many changes it followed: in memory, and in the file. */
  index: { row: number; followed: number };
  file: { row: number; followed: number };
  /** A save that has written its watermark and not yet its content. */
  saving: { row: number } | null;
  search: { row: number } | null;
  answered: 'none' | 'gone';
}

/** One memory, placed, replaced and forgotten, and the words and the vector by which it is found. */
export function derivedIndex(guards: DerivedIndexGuards): Model<State> {
  function place(state: State, version: number): Step<State> {
    const row = state.rows + 1;
    const words = guards.wordsInCommit ? { words: version } : { wordsWaiting: version };
    const next = {
      ...state,
      ...words,
      rows: row,
      placement: { version, row },
      changes: [...state.changes, row],
    };
    return { does: `places version ${version}`, next };
  }

  function hosts(state: State): Step<State>[] {
    if (state.forgotten) return [];
    const version = (state.placement?.version ?? 0) + 1;
    const forget: State = {
      ...state,
      forgotten: true,
      placement: null,
      words: 0,
      wordsWaiting: null,
      changes: [...state.changes, 0],
    };
    const forgets = { does: 'forgets the memory', next: forget };
    return version > 2 ? [forgets] : [place(state, version), ...(state.placement === null ? [] : [forgets])];
  }

  function save(state: State): Step<State>[] {
    const { index, file, saving } = state;
    if (guards.watermarkInFile)
      return index.followed > file.followed
        ? [{ does: 'saves the index', next: { ...state, file: index } }]
        : [];
    if (saving !== null) {
      const next = { ...state, saving: null, file: { ...file, row: saving.row } };
      return [{ does: 'saves the content of the index', next }];
    }
    if (index.followed <= file.followed) return [];
    const next = { ...state, saving: { row: index.row }, file: { ...file, followed: index.followed } };
    return [{ does: 'saves how far the index is', next }];
  }

  /** What was trimmed is followed by nobody any more. */
  function follow(state: State): Step<State>[] {
    const { index, changes, trimmed } = state;
    const at = Math.max(index.followed, trimmed);
    const row = changes[at];
    if (row === undefined) return [];
    return [
      { does: `index: follows change ${at + 1}`, next: { ...state, index: { row, followed: at + 1 } } },
    ];
  }

  function trim(state: State): Step<State>[] {
    const safe = guards.changesUntilSaved ? state.file.followed : state.index.followed;
    return safe > state.trimmed ? [{ does: 'trims the changes', next: { ...state, trimmed: safe } }] : [];
  }

  function search(state: State): Step<State>[] {
    const { index, placement, search: under } = state;
    if (under === null)
      return index.row === 0
        ? []
        : [{ does: 'search: has a candidate', next: { ...state, search: { row: index.row } } }];
    const isAnswered = guards.answersByPlacement ? placement !== null : true;
    const isGone = isAnswered && placement === null;
    return [
      {
        does: 'search: answers',
        next: { ...state, search: null, answered: isGone ? 'gone' : state.answered },
      },
    ];
  }

  return {
    start: {
      placement: null,
      rows: 0,
      forgotten: false,
      words: 0,
      wordsWaiting: null,
      changes: [],
      trimmed: 0,
      index: { row: 0, followed: 0 },
      file: { row: 0, followed: 0 },
      saving: null,
      search: null,
      answered: 'none',
    },
    choices: (state) => [...hosts(state), ...search(state)],
    work: (state) => [
      ...(state.wordsWaiting === null
        ? []
        : [{ does: 'indexes the words', next: { ...state, words: state.wordsWaiting, wordsWaiting: null } }]),
      ...follow(state),
      ...save(state),
      ...trim(state),
    ],
    // The crash before rest is the one that counts: a second tells nothing that the first does not.
    faults: () => [],
    crash: (state) => ({ ...state, wordsWaiting: null, index: state.file, saving: null, search: null }),
    broken: ({ answered }) => (answered === 'gone' ? 'a search answers with a memory that is gone' : null),
    brokenAtRest: ({ placement, words, index }) => {
      if (words !== (placement?.version ?? 0)) return 'the words are not those of what is placed';
      return index.row === (placement?.row ?? 0) ? null : 'the vector is not that of what is placed';
    },
  };
}

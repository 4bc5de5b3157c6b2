import type { Model, Step } from './explore.js';

/** What quarantine, and what a person decides there, must keep to. */
export interface QuarantineGuards {
  /** The order of an upload in quarantine is a gap: what is unchanged above it is written anew. */
  isGap: boolean;
  /** A decision deletes the receipt before it changes the state. */
  receiptGoesFirst: boolean;
  /** An upload that ended without a receipt gets the one of its state, whoever finds it. */
  receiptIsMadeUpFor: boolean;
}

type UploadState = 'none' | 'pending' | 'quarantined' | 'dropped' | 'done';
type ReceiptOf = 'none' | 'quarantined' | 'dropped' | 'done';

interface Upload {
  state: UploadState;
  receipt: ReceiptOf;
  /** A person was told that it is tried again, or dropped. */
  decided: 'none' | 'retry' | 'drop';
  /** A decision under way, in memory. */
  deciding: 'none' | 'retry' | 'drop';
}

interface State {
  uploads: Upload[];
  /** Whether the second can be read by now. */
  mended: boolean;
  placement: { content: number; order: number } | null;
  losses: number;
}

/** What the three uploads say of one memory: the third says what the first did, and the second cannot be read at first. */
const CONTENTS = [1, 2, 1] as const;
const POISON = 1;
const NEW: Upload = { state: 'none', receipt: 'none', decided: 'none', deciding: 'none' };

/** Three uploads of a system, of which the second goes to quarantine and is retried or dropped there. */
export function quarantine(guards: QuarantineGuards): Model<State> {
  const change = (state: State, n: number, upload: Partial<Upload>): State => ({
    ...state,
    uploads: state.uploads.with(n, { ...(state.uploads[n] ?? NEW), ...upload }),
  });

  function ingest(state: State): Step<State>[] {
    const n = state.uploads.findIndex(({ state: at }) => at === 'pending');
    const content = CONTENTS[n];
    if (content === undefined) return [];
    if (n === POISON && !state.mended)
      return [
        { does: `puts upload ${n + 1} in quarantine`, next: change(state, n, { state: 'quarantined' }) },
      ];
    const done = change(state, n, { state: 'done' });
    const next = { ...done, placement: placedBy(state, n, content) };
    return [{ does: `ingests upload ${n + 1}`, next }];
  }

  function placedBy({ placement, uploads }: State, n: number, content: number): State['placement'] {
    const order = n + 1;
    if (placement === null) return { content, order };
    const hasGap = uploads.some(({ state }, m) => {
      const isOpen = state === 'none' || state === 'pending' || (guards.isGap && state === 'quarantined');
      return m < n && isOpen && m + 1 > placement.order;
    });
    if (placement.content === content) return hasGap ? { content, order } : placement;
    return order > placement.order ? { content, order } : placement;
  }

  function receipts(state: State): Step<State>[] {
    return state.uploads.flatMap(({ state: at, receipt, deciding }, n) => {
      const isDue = (at === 'quarantined' || at === 'dropped' || at === 'done') && receipt !== at;
      if (!isDue || deciding !== 'none') return [];
      const isMadeUp = at === 'done' || receipt !== 'none' || guards.receiptIsMadeUpFor;
      return isMadeUp
        ? [{ does: `puts receipt ${n + 1}: ${at}`, next: change(state, n, { receipt: at }) }]
        : [];
    });
  }

  /** Step by step, each durable. A retry is acknowledged with the change of the state, a drop with its receipt. */
  function decide(state: State): Step<State>[] {
    const { state: at, receipt, deciding } = state.uploads[POISON] ?? NEW;
    if (deciding === 'none') {
      if (at !== 'quarantined' || receipt === 'none') return [];
      return (['retry', 'drop'] as const).map((what) => {
        const begun = change(state, POISON, {
          deciding: what,
          ...(guards.receiptGoesFirst ? { receipt: 'none' } : {}),
        });
        return { does: `a person decides: ${what}`, next: begun };
      });
    }
    const isRetry = deciding === 'retry';
    const next = change(state, POISON, {
      state: isRetry ? 'pending' : 'dropped',
      decided: isRetry ? 'retry' : 'none',
      deciding: 'none',
    });
    return [{ does: `the ${deciding} is on record`, next: isRetry ? { ...next, mended: true } : next }];
  }

  /** The store is lost: the ledger is what the receipts say, and the placement what those uploads brought that were ingested. */
  function rebuild(state: State): State {
    const uploads = state.uploads.map((upload): Upload => ({
      ...upload,
      state: upload.receipt === 'none' ? (upload.state === 'none' ? 'none' : 'pending') : upload.receipt,
      deciding: 'none',
    }));
    const newest = uploads.findLastIndex(({ state: at }) => at === 'done');
    const content = CONTENTS[newest];
    return {
      ...state,
      uploads,
      placement: content === undefined ? null : { content, order: newest + 1 },
      losses: 1,
    };
  }

  return {
    start: { uploads: CONTENTS.map(() => NEW), mended: false, placement: null, losses: 0 },
    choices: (state) => [
      ...state.uploads.flatMap(({ state: at }, n) =>
        at === 'none'
          ? [{ does: `host: upload ${n + 1}`, next: change(state, n, { state: 'pending' }) }]
          : [],
      ),
      ...decide(state),
    ],
    work: (state) => [...receipts(state), ...ingest(state)],
    faults: (state) =>
      state.losses === 0 ? [{ does: 'the store is lost and rebuilt', next: rebuild(state) }] : [],
    crash: (state) => ({
      ...state,
      uploads: state.uploads.map((upload): Upload => ({ ...upload, deciding: 'none' })),
    }),
    broken: () => null,
    brokenAtRest: ({ uploads, placement }) => {
      const stranded = uploads.findIndex(({ state: at, receipt }) => at !== 'none' && receipt !== at);
      if (stranded >= 0) return `upload ${stranded + 1} has not the receipt of its state`;
      const { decided, state: at } = uploads[POISON] ?? NEW;
      if (decided === 'retry' && at === 'quarantined') return 'a retry that was acknowledged is undone';
      if (decided === 'drop' && at !== 'dropped') return 'a drop that was acknowledged is undone';
      const newest = uploads.findLastIndex(({ state: one }) => one === 'done');
      return placement?.content === CONTENTS[newest] ? null : 'not the newest version is found';
    },
  };
}

import {
  NO_OUTAGE_WORK,
  type IngestSummary,
  type OutageStep,
  type OutageTotals,
  type UploadRef,
} from '../contract/index.js';
import type { TransitionOutcome } from './transition.js';

/** A message may hold a whole program's last words. */
const LONGEST_TEXT = 300;

/** Counts what is done in an outage, and hands each step on to be kept. */
export class WorkLog {
  #totals: OutageTotals;
  readonly #keep: (step: Omit<OutageStep, 'at'>) => void;

  constructor(totals: Partial<OutageTotals>, keep: (step: Omit<OutageStep, 'at'>) => void) {
    this.#totals = { ...NO_OUTAGE_WORK, ...totals };
    this.#keep = keep;
  }

  get totals(): OutageTotals {
    return this.#totals;
  }

  ingested({ systemId, uploadId }: UploadRef, { status, rows, reason }: IngestSummary, ms: number): void {
    // A workflow's activity ended it meanwhile: it is none of the outage's.
    if (status === 'already') return;
    this.#add({
      ingested: status === 'ingested' ? 1 : 0,
      quarantined: status === 'quarantined' ? 1 : 0,
      newRows: rows.new,
      changedRows: rows.changed,
    });
    const came = reason ?? `new ${rows.new}, changed ${rows.changed}, unchanged ${rows.unchanged}`;
    this.#step('ingest', `upload ${uploadId} of ${systemId} ${status}: ${came}`, ms);
  }

  walked({ seen, added }: { seen: number; added: number }, ms: number): void {
    this.#add({ walks: 1, found: added });
    this.#step('walk', `walked all uploads: looked at ${seen}, new ${added}`, ms);
  }

  transitioned({ toWarm, toCold, swept, finished, paused }: TransitionOutcome, ms: number): void {
    this.#add({ transitions: finished ? 1 : 0, toWarm, toCold });
    const early = finished ? '' : '; ended early, Temporal answers again';
    const end = paused ? '; moving is paused' : early;
    this.#step('transition', `rows to warm ${toWarm}, to cold ${toCold}; swept ${swept}${end}`, ms);
  }

  failed(what: string, ms: number): void {
    this.#add({ failures: 1 });
    this.#step('failure', what, ms);
  }

  restarted(): void {
    this.#step('restart', 'the server was started again, with Temporal still away', 0);
  }

  #add(more: Partial<OutageTotals>): void {
    this.#totals = addTotals(this.#totals, more);
  }

  #step(what: OutageStep['what'], text: string, ms: number): void {
    this.#keep({ what, text: text.slice(0, LONGEST_TEXT), ms: Math.round(ms) });
  }
}

function addTotals(a: OutageTotals, b: Partial<OutageTotals>): OutageTotals {
  return {
    ingested: a.ingested + (b.ingested ?? 0),
    quarantined: a.quarantined + (b.quarantined ?? 0),
    newRows: a.newRows + (b.newRows ?? 0),
    changedRows: a.changedRows + (b.changedRows ?? 0),
    walks: a.walks + (b.walks ?? 0),
    found: a.found + (b.found ?? 0),
    transitions: a.transitions + (b.transitions ?? 0),
    toWarm: a.toWarm + (b.toWarm ?? 0),
    toCold: a.toCold + (b.toCold ?? 0),
    failures: a.failures + (b.failures ?? 0),
  };
}

import { readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { messageOf, type OutageStep, type OutageTotals } from '../contract/index.js';
import { makeFolderDurably, runAll } from '../runtime/index.js';
import type { BootstrapLog } from './log.js';
import { lastTotals } from './report.js';
import { SegmentedLines } from './segments.js';
import { folderOf, readState, samplesFolder, stepsFolder, writeState, type OutageState } from './state.js';
import { WorkLog } from './work-log.js';

const MIB = 2 ** 20;

/** Together 1 GiB. Four million uploads at some 200 bytes are beyond what any outage brings; the first would go. */
const STEPS = { bytes: 256 * MIB, segmentBytes: 8 * MIB, segmentMs: Infinity };
/** An hour says how it went; a longer outage is like its last hour. In parts of five minutes, so that little is lost with one. */
const SAMPLES = { bytes: 768 * MIB, ageMs: 3_600_000, segmentBytes: 64 * MIB, segmentMs: 300_000 };

/** Replayed records of outages that long ago are of no interest beside what Temporal has of them. */
const KEPT_RECORDS = 10;

/** One outage on disk: what became of it (`state.json`), its steps and its samples. */
export class OutageFile {
  readonly folder: string;
  readonly work: WorkLog;
  readonly #steps: SegmentedLines;
  readonly #samples: SegmentedLines;
  readonly #now: () => number;
  readonly #log: BootstrapLog;
  #state: OutageState;
  /** Whether the disk has yet to get the state. */
  #unsaved = false;
  /** One write after the other. */
  #writing: Promise<void> = Promise.resolve();

  private constructor(
    folder: string,
    state: OutageState,
    lines: { steps: SegmentedLines; samples: SegmentedLines; totals: Partial<OutageTotals> },
    { now, log }: RecordTools,
  ) {
    this.folder = folder;
    this.#state = state;
    this.#steps = lines.steps;
    this.#samples = lines.samples;
    this.#now = now;
    this.#log = log;
    this.work = new WorkLog(lines.totals, (step) => void this.#keep(step));
  }

  static async open(folder: string, state: OutageState, tools: RecordTools): Promise<OutageFile> {
    const totals = await lastTotals(stepsFolder(folder));
    const steps = await SegmentedLines.open(stepsFolder(folder), STEPS);
    const samples = await SegmentedLines.open(samplesFolder(folder), SAMPLES);
    return new OutageFile(folder, state, { steps, samples, totals }, tools);
  }

  get state(): OutageState {
    return this.#state;
  }

  /** Durable when it returns. Where the disk refuses it raises, and the change is written with what is written next. */
  async change(change: Partial<OutageState>): Promise<void> {
    this.#state = { ...this.#state, ...change };
    this.#unsaved = true;
    await this.save();
  }

  /** As `change`, for where the outage goes on whatever the disk says: logs instead of raising. */
  async note(change: Partial<OutageState>): Promise<void> {
    await this.change(change).catch((error: unknown) => this.#warn(error));
  }

  /** Writes the changes that the disk has refused so far. Raises where it still does. */
  async save(): Promise<void> {
    await this.#enqueue(() => this.#writeState());
  }

  async sample(values: Record<string, number>): Promise<void> {
    const now = this.#now();
    await this.#tryTo(() => this.#samples.append({ at: iso(now), values }, now));
  }

  /** When all that was handed over is written, as far as the disk takes it. */
  async flushed(): Promise<void> {
    await this.#tryTo(() => Promise.resolve());
  }

  #keep(step: Omit<OutageStep, 'at'>): Promise<void> {
    const now = this.#now();
    // With every line, so that whichever survive, the last one tells all that was done.
    const { totals } = this.work;
    return this.#tryTo(() => this.#steps.append({ at: iso(now), ...step, totals }, now));
  }

  /** A record that cannot be written, on a full disk, must not keep the work from being done. */
  async #tryTo(write: () => Promise<void>): Promise<void> {
    await this.#enqueue(() => runAll([write, () => this.#writeState()])).catch((error: unknown) =>
      this.#warn(error),
    );
  }

  async #writeState(): Promise<void> {
    if (!this.#unsaved) return;
    const state = this.#state;
    await makeFolderDurably(this.folder);
    await writeState(this.folder, state);
    // It may have changed meanwhile; that is in line to be written then.
    this.#unsaved = state !== this.#state;
  }

  #warn(error: unknown): void {
    this.#log.warn({ reason: messageOf(error) }, 'the record of the outage could not be written');
  }

  #enqueue(write: () => Promise<void>): Promise<void> {
    const done = this.#writing.then(write);
    this.#writing = done.catch(() => undefined);
    return done;
  }
}

interface RecordTools {
  /** The system's clock, milliseconds since 1970. */
  now: () => number;
  log: BootstrapLog;
}

/** The records of a server's outages, each a folder named by its start. */
export class OutageFiles {
  readonly folder: string;
  readonly #tools: RecordTools;

  constructor(folder: string, tools: RecordTools) {
    this.folder = folder;
    this.#tools = tools;
  }

  /** Durable when it returns, or in memory where the disk refuses it; then its next writes bring it. Times in milliseconds since 1970. */
  async begin(startedAt: number): Promise<OutageFile> {
    const start = iso(startedAt);
    const folder = folderOf(this.folder, start);
    const detected = iso(this.#tools.now());
    const state: OutageState = { version: 1, start, detected, end: null, told: [], replayed: false };
    const file = await OutageFile.open(folder, state, this.#tools);
    await file.note({});
    return file;
  }

  /** Those that something is still to be done for, oldest first. */
  async unsettled(isSettled: (state: OutageState) => boolean): Promise<OutageFile[]> {
    const found: OutageFile[] = [];
    for (const { folder, state } of await this.#list()) {
      if (!isSettled(state)) found.push(await OutageFile.open(folder, state, this.#tools));
    }
    return found;
  }

  /** Removes the oldest that are settled. */
  async prune(isSettled: (state: OutageState) => boolean): Promise<void> {
    const settled = (await this.#list()).filter(({ state }) => isSettled(state));
    for (const { folder } of settled.slice(0, -KEPT_RECORDS))
      await rm(folder, { recursive: true, force: true });
    // The samples are the bulk of one, and stand in Temporal as far as they are of use.
    for (const { folder } of settled.slice(-KEPT_RECORDS))
      await rm(samplesFolder(folder), { recursive: true, force: true });
  }

  async #list(): Promise<{ folder: string; state: OutageState }[]> {
    const names = (await readdir(this.folder).catch(() => [])).filter((name) => /^\d{4}-.*Z$/.test(name));
    const found: { folder: string; state: OutageState }[] = [];
    for (const name of names.sort()) {
      const folder = path.join(this.folder, name);
      const state = await readState(folder);
      if (state !== undefined) found.push({ folder, state });
    }
    return found;
  }
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}

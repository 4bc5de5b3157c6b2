import { setTimeout as sleep } from 'node:timers/promises';
import type { AkoshaClient } from '../client/index.js';
import { AkoshaError, messageOf, type OutageReport, type OutageTotals } from '../contract/index.js';
import { failPoint } from '../faults/index.js';
import { spansAreRecorded } from '../runtime/index.js';
import { Alerts, type AlertSettings } from './alert.js';
import { OutageDetector } from './detector.js';
import { giveBack } from './give-back.js';
import { KeptWalk } from './kept-walk.js';
import type { BootstrapLog } from './log.js';
import { OutageFiles, type OutageFile } from './record.js';
import { readReport } from './report.js';
import { RunMarks } from './run-marks.js';
import { OutageRunner, type DrainLimits, type RunnerWork } from './runner.js';
import type { OutageState } from './state.js';
import { recordOutageSpans } from './trace-record.js';

export interface OutageWatchOptions {
  client: AkoshaClient;
  /** `<data>/outage`: the records. */
  folder: string;
  /** So long without an answer is an outage. Milliseconds. */
  awayMs: number;
  limits: DrainLimits;
  work: Omit<RunnerWork, 'work' | 'marks' | 'walk'>;
  /** Metrics by name, for the record. */
  sample: () => Promise<Record<string, number>>;
  /** Told when the server takes over and when it gives back. */
  onBootstrap: (on: boolean) => void;
  alert: AlertSettings;
  log: BootstrapLog;
}

/** What is told of an outage under way. */
export interface OutageStatus {
  /** ISO 8601: since when Temporal does not answer, and when the server took over. */
  since: string;
  detected: string;
  done: OutageTotals;
}

/** A Temporal at hand answers in milliseconds; one that hangs is to be noticed in time all the same. */
const LONGEST_QUESTION_MS = 2_000;
/** Below this no question has a chance. */
const SHORTEST_QUESTION_MS = 100;

/** A line of some kilobytes; an hour of them is some megabytes. */
const SAMPLE_MS = 10_000;

/** The outage under way. */
interface Current {
  file: OutageFile;
  runner: OutageRunner;
  sampling: NodeJS.Timeout;
  /** Until everyone was told that it began. */
  told: Promise<void>;
}

/**
 * Asks Temporal again and again whether it is there. Where it is not for long enough, the server is in bootstrap mode: a runner does its
 * work, a record is kept, people are told; and when Temporal is back, all of it is ended in order. An outage outlives the process: the
 * next one finds its record open and goes on with it.
 */
export class OutageWatch {
  readonly marks: RunMarks;
  readonly #options: OutageWatchOptions;
  readonly #files: OutageFiles;
  readonly #walk: KeptWalk;
  readonly #alerts: Alerts;
  /** Records that this process writes, by their start. */
  readonly #open = new Map<string, OutageFile>();
  readonly #settling = new Set<Promise<void>>();
  #current: Current | undefined;

  /** What earlier processes left unsettled, oldest first, until `run` takes it up. */
  #left: OutageFile[] = [];

  private constructor(options: OutageWatchOptions, marks: RunMarks) {
    this.#options = options;
    this.marks = marks;
    this.#files = new OutageFiles(options.folder, { now: options.work.now, log: options.log });
    this.#walk = new KeptWalk(options.folder, options.log);
    this.#alerts = new Alerts(options.alert, options.log);
  }

  static async open(options: OutageWatchOptions): Promise<OutageWatch> {
    const watch = new OutageWatch(options, await RunMarks.open(options.folder, options.log));
    watch.#left = await watch.#files.unsettled((state) => watch.#isSettled(state));
    return watch;
  }

  /** Undefined while there is no outage. */
  status(): OutageStatus | undefined {
    if (this.#current === undefined) return undefined;
    const { state, work } = this.#current.file;
    return { since: state.start, detected: state.detected, done: work.totals };
  }

  /** There may be something new in the queue. Returns whether a runner takes it up: only in an outage is there one. */
  wake(): boolean {
    return this.#current?.runner.wake() ?? false;
  }

  /** What Temporal is to have of an outage that is over. Raises `BadRequest` where there is no such record. */
  report(start: string): Promise<OutageReport> {
    return readReport(this.#options.folder, start);
  }

  /** Temporal has it. */
  async close(start: string): Promise<void> {
    const file =
      this.#open.get(start) ??
      (await this.#files.unsettled(() => false)).find(({ state }) => state.start === start);
    if (file === undefined)
      throw new AkoshaError('BadRequest', `there is no record of an outage that began at ${start}`);
    // Told again only where the process ends between the two.
    if (spansAreRecorded() && !file.state.replayed) recordOutageSpans(await this.report(start));
    await file.change({ replayed: true });
    this.#open.delete(start);
  }

  /** Until the signal is raised; then the runner is drained, and raises where it does not end. An outage stays open. */
  async run(signal: AbortSignal): Promise<void> {
    await this.#takeUp(signal);
    const started = performance.now();
    const { awayMs } = this.#options;
    const detector = new OutageDetector(
      // A fifth is two seconds of the ten: two answers at least, and soon enough.
      { awayMs, steadyMs: awayMs / 5, outageOpen: this.#current !== undefined },
      started,
    );
    while (!signal.aborted) {
      await this.#ask(detector, signal);
      await sleep(Math.min(awayMs / 10, 1_000), undefined, { signal }).catch(() => undefined);
    }
    await this.#stop();
  }

  async #stop(): Promise<void> {
    const current = this.#current;
    this.#current = undefined;
    clearInterval(current?.sampling);
    try {
      await current?.runner.stop(this.#options.limits);
    } finally {
      await Promise.all([current?.told, ...this.#settling]);
      await current?.file.flushed();
    }
  }

  /** An outage that goes on, at once; and those that are over and of which somebody is still to be told. */
  async #takeUp(signal: AbortSignal): Promise<void> {
    const left = this.#left.splice(0);
    const open = left.findLast(({ state }) => state.end === null);
    if (open !== undefined) {
      this.#options.log.warn({ since: open.state.start }, 'an outage of Temporal goes on');
      open.work.restarted();
      this.#enter(open, signal);
    }
    for (const file of left) {
      if (file === open) continue;
      await this.#end(file);
      this.#settle(file, signal);
    }
  }

  async #ask(detector: OutageDetector, signal: AbortSignal): Promise<void> {
    const patience = detector.state === 'silent' ? detector.patience(performance.now()) : LONGEST_QUESTION_MS;
    const timeoutMs = Math.max(SHORTEST_QUESTION_MS, Math.min(LONGEST_QUESTION_MS, patience));
    const { silentSince, state: before } = detector;
    const answered = await this.#options.client.isReachable(timeoutMs);
    if (signal.aborted) return;
    const now = performance.now();
    const state = detector.observe(answered, now);
    if (state === before) return;
    if (state === 'bootstrap' && this.#current === undefined) await this.#begin(now - silentSince, signal);
    else if (state === 'bootstrap') this.#current?.runner.resume();
    else if (state === 'returning') this.#current?.runner.pause();
    else if (state === 'connected' && before === 'returning') await this.#over(signal);
  }

  async #begin(silentMs: number, signal: AbortSignal): Promise<void> {
    const file = await this.#files.begin(this.#options.work.now() - Math.round(silentMs));
    failPoint('outage.after-begin');
    this.#enter(file, signal);
  }

  #enter(file: OutageFile, signal: AbortSignal): void {
    const { work, onBootstrap, sample, log } = this.#options;
    this.#open.set(file.state.start, file);
    const take = (): void => {
      sample().then(
        (values) => file.sample(values),
        (error: unknown) => log.warn({ reason: messageOf(error) }, 'no sample of the metrics'),
      );
    };
    onBootstrap(true);
    take();
    this.#current = {
      file,
      runner: new OutageRunner({ ...work, marks: this.marks, walk: this.#walk, work: file.work }),
      sampling: setInterval(take, SAMPLE_MS),
      told: this.#alerts.tell('trigger', file, signal),
    };
  }

  /** Temporal is back. */
  async #over(signal: AbortSignal): Promise<void> {
    const current = this.#current;
    if (current === undefined) return;
    const { log, onBootstrap, sample, limits } = this.#options;
    clearInterval(current.sampling);
    try {
      await current.runner.stop(limits);
    } catch (error) {
      // What hangs there is aborted; the store's protocol lets a workflow do the same beside it.
      log.error({ reason: messageOf(error) }, 'the outage runner does not end');
    }
    try {
      await current.file.sample(await sample());
    } catch (error) {
      log.warn({ reason: messageOf(error) }, 'no sample of the metrics');
    }
    await this.#end(current.file);
    this.#current = undefined;
    onBootstrap(false);
    failPoint('outage.after-end');
    this.#settle(current.file, signal);
  }

  async #end(file: OutageFile): Promise<void> {
    if (file.state.end !== null) return;
    await file.note({ end: new Date(this.#options.work.now()).toISOString() });
  }

  /** Beside everything else: tells that it is over, and puts the record into Temporal. */
  #settle(file: OutageFile, signal: AbortSignal): void {
    this.#open.set(file.state.start, file);
    const { client, work, log } = this.#options;
    const settling = Promise.all([
      this.#alerts.tell('resolve', file, signal),
      giveBack({ client, store: work.ingest.store, paused: () => this.marks.paused, log }, file, signal),
    ])
      .then(() => file.save())
      .then(() => this.#files.prune((state) => this.#isSettled(state)))
      .catch((error: unknown) => {
        log.warn({ reason: messageOf(error) }, 'an outage is not settled; the next start tries again');
      })
      .finally(() => this.#settling.delete(settling));
    this.#settling.add(settling);
  }

  #isSettled({ end, replayed, told }: OutageState): boolean {
    return end !== null && replayed && this.#alerts.isSettled(told);
  }
}

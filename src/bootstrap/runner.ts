import { allEnded } from '../runtime/index.js';
import { runScheduled, type ScheduledWork } from './scheduled.js';
import { Shift } from './shift.js';
import { ingestInTurns, type UploadWork } from './uploads.js';

export type RunnerWork = UploadWork & ScheduledWork;

/** How long work may go on after it was told to stop, as for the workers. Milliseconds. */
export interface DrainLimits {
  /** Before it is handed back. */
  graceMs: number;
  /** Before nobody waits for it any more. */
  forceMs: number;
}

/**
 * Does the server's work without Temporal, by the functions that its activities call: uploads, the daily walk, the transition. What
 * it and a workflow do at the same time is done once, by the store's protocol.
 */
export class OutageRunner {
  readonly #shift = new Shift();
  readonly #done: Promise<void>;

  constructor(work: RunnerWork) {
    // The store that both use is closed behind them: none may be left at work where the other fails.
    this.#done = allEnded([ingestInTurns(work, this.#shift), runScheduled(work, this.#shift)]);
    // Whoever stops it hears of it; until then it must not end the process.
    this.#done.catch(() => undefined);
  }

  /** Begins nothing new: Temporal may be back. */
  pause(): void {
    this.#shift.pause();
  }

  resume(): void {
    this.#shift.resume();
  }

  /** There may be something new in the queue. Returns whether it is for this runner: once told to stop it takes up nothing. */
  wake(): boolean {
    this.#shift.wake();
    return !this.#shift.over;
  }

  /** Finishes what is under way within its grace and hands back the rest. Raises where it does not end. */
  async stop({ graceMs, forceMs }: DrainLimits): Promise<void> {
    this.#shift.end();
    const grace = setTimeout(() => this.#shift.handBack(), graceMs);
    let force: NodeJS.Timeout | undefined;
    const forced = new Promise<never>((_resolve, reject) => {
      force = setTimeout(() => {
        const message = `the outage runner did not end within ${forceMs} ms: raise shutdown_force_seconds (AKOSHA_SHUTDOWN_FORCE_SECONDS)`;
        reject(new Error(message));
      }, forceMs);
    });
    try {
      await Promise.race([this.#done, forced]);
    } finally {
      clearTimeout(grace);
      clearTimeout(force);
    }
  }
}

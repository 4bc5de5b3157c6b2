import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../contract/index.js';
import { withSpan } from '../runtime/index.js';
import type { HostContext } from './host.js';
import { sendNoticesQuietly } from './notices.js';
import { readWorkInProgress } from './progress-file.js';
import { DAY_MS, removeStaleParts } from './stale-parts.js';
import { flushDirectly } from './sync.js';

/** Whoever runs the workflow of a host's uploads. */
export interface Orchestrator {
  /** Whether this host's agent is taking work from it. */
  readonly working: boolean;
  /** Asks for a snapshot and its delivery. Raises where it cannot be reached, after ten seconds at most. */
  requestSync(): Promise<void>;
  /** Has what waits delivered, unless that is under way. Raises the same. */
  resumeUploads(): Promise<void>;
}

export interface FlushOptions {
  host: HostContext;
  /** Absent: the agent uploads by itself for good. */
  orchestrator?: Orchestrator | undefined;
  /** How long it may be away before the agent uploads by itself. */
  awayMs?: number;
  /** How long what was handed over may be left lying before the agent uploads by itself. */
  patienceMs?: number;
}

/** A look is an indexed question to SQLite, some tenths of a millisecond; whoever waits for a sync notices no second. */
const LOOK_MS = 1_000;

/** Short enough that a session's end during an outage is not felt, long enough for Temporal's own restart. */
const AWAY_MS = 10_000;

/** Temporal may answer while the server that runs the workflows is down. Then a step that takes a second has not begun after a minute. */
const PATIENCE_MS = 60_000;

/** After an error that the outbox could not take down, such as a full disk. */
const AFTER_FAULT_MS = 30_000;

/**
 * Carries out what is asked of the outbox, until the signal fires. What is due is handed to the orchestrator while that is at hand, and
 * done here by the same functions while it is not: a step that both do is done once, by their locks and by what stands in the object store.
 */
export async function keepFlushing(options: FlushOptions, signal: AbortSignal): Promise<void> {
  const flush = new Flush(options, signal);
  while (!signal.aborted) {
    try {
      await flush.look();
    } catch (error) {
      options.host.log?.warn({ reason: messageOf(error) }, 'the outbox could not be looked at');
    }
    await sleep(LOOK_MS, undefined, { signal }).catch(() => undefined);
  }
  await flush.ended();
}

/** What is due: the same text as long as it is the same thing that nobody has begun. */
type Due = { asked: boolean; what: string } | undefined;

class Flush {
  readonly #options: FlushOptions;
  readonly #signal: AbortSignal;
  #own: Promise<void> | undefined;
  #ownNotBefore = 0;
  #awaySince: number | undefined;
  #handed: { what: string; at: number } | undefined;
  #cleanedAt = 0;
  #cleaning: Promise<void> | undefined;
  #telling: Promise<void> | undefined;

  constructor(options: FlushOptions, signal: AbortSignal) {
    this.#options = options;
    this.#signal = signal;
  }

  async look(): Promise<void> {
    this.#cleanDaily();
    this.#tell();
    const due = this.#findDue();
    if (due === undefined) this.#handed = undefined;
    if (due === undefined || this.#own !== undefined) return;
    if (await this.#handOver(due)) return;
    if (performance.now() >= this.#ownNotBefore) this.#own = this.#uploadHere();
  }

  async ended(): Promise<void> {
    await Promise.all([this.#own, this.#cleaning, this.#telling]);
  }

  #findDue(): Due {
    const { rows } = this.#options.host.outbox;
    rows.capWaits();
    const asked = rows.openRequests().at(-1);
    if (asked !== undefined) return { asked: true, what: `request ${asked.requestId}` };
    const next = rows.next();
    if (next === undefined || next.nextTryAt > rows.now()) return undefined;
    return { asked: false, what: `upload ${next.uploadId}, ${next.attempts} failed` };
  }

  /** Whether somebody else sees to it. */
  async #handOver({ asked, what }: NonNullable<Due>): Promise<boolean> {
    const { orchestrator, host, patienceMs = PATIENCE_MS } = this.#options;
    if (orchestrator === undefined) return false;
    if (!orchestrator.working) return !this.#isAway();
    const now = performance.now();
    if (this.#handed?.what === what) {
      if (readWorkInProgress(host.dataDir).length > 0) this.#handed.at = now;
      return now - this.#handed.at < patienceMs;
    }
    try {
      await withSpan('akosha.sync', { fields: { systemId: host.systemId } }, () =>
        asked ? orchestrator.requestSync() : orchestrator.resumeUploads(),
      );
      this.#handed = { what, at: performance.now() };
      this.#awaySince = undefined;
      return true;
    } catch (error) {
      this.#awaySince ??= now;
      const reason = messageOf(error);
      if (!this.#isAway()) return true;
      host.log?.warn({ reason }, 'Temporal is away; the agent uploads by itself');
      return false;
    }
  }

  #isAway(): boolean {
    const now = performance.now();
    this.#awaySince ??= now;
    return now - this.#awaySince >= (this.#options.awayMs ?? AWAY_MS);
  }

  async #uploadHere(): Promise<void> {
    const { host } = this.#options;
    try {
      await flushDirectly(host, { signal: this.#signal });
    } catch (error) {
      this.#ownNotBefore = performance.now() + AFTER_FAULT_MS;
      host.log?.warn({ reason: messageOf(error) }, 'the agent could not upload');
    } finally {
      this.#own = undefined;
      this.#handed = undefined;
    }
  }

  /** Beside the uploads, which a receiver that is away is not to hold up. What the workflow is at it leaves to that. */
  #tell(): void {
    const { host, orchestrator, patienceMs = PATIENCE_MS } = this.#options;
    if (this.#telling !== undefined) return;
    const leastAgeMs = orchestrator?.working === true ? patienceMs : 0;
    const options = { signal: this.#signal, leastAgeMs };
    this.#telling = sendNoticesQuietly(host, options).finally(() => (this.#telling = undefined));
  }

  #cleanDaily(): void {
    const { host } = this.#options;
    const now = host.outbox.rows.now();
    if (this.#cleaning !== undefined || Math.abs(now - this.#cleanedAt) < DAY_MS) return;
    this.#cleanedAt = now;
    this.#cleaning = removeStaleParts(host, this.#signal).finally(() => (this.#cleaning = undefined));
  }
}

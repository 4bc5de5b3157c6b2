import { setTimeout as sleep } from 'node:timers/promises';
import { isAkoshaError, messageOf } from '../contract/index.js';
import type { CircuitBreaker } from '../runtime/index.js';
import type { Logger, Metrics } from '../telemetry/index.js';
import type { EventIntake } from './event-intake.js';

export interface QueueMessage {
  /** By which it is deleted. */
  handle: string;
  body: string;
}

/** A queue whose messages come again until they are deleted. */
export interface EventQueue {
  /** Waits for messages for up to 20 s. */
  receive(signal: AbortSignal): Promise<QueueMessage[]>;
  /** Returns how many were not deleted: they come again. */
  delete(handles: readonly string[], signal: AbortSignal): Promise<number>;
  /** About how many wait; `deadLetters` is null where the queue has no dead-letter queue. */
  depths(signal: AbortSignal): Promise<QueueDepths>;
  close(): void;
}

export interface QueueDepths {
  messages: number;
  deadLetters: number | null;
}

/** What `akosha status` tells of the queue. */
export interface EventQueueStatus {
  /** `away`: it does not answer, and the poll of the inbox alone finds uploads. */
  state: 'starting' | 'working' | 'away';
  depths: QueueDepths | null;
  /** Why the messages could not be counted at the last look; null where they were. `depths` is then an earlier look's. */
  depthsFailure: string | null;
}

export interface EventQueueOptions {
  queue: EventQueue;
  breaker: CircuitBreaker;
  intake: EventIntake;
  metrics: Metrics;
  log: Logger;
}

/** Between a failure of the queue and the next try, while the breaker lets calls through: five of them open it. Also the first between two tries to take a batch. */
const PAUSE_MS = 1_000;

/** Each pause between two tries to take a batch is twice the one before, up to this: events are soon of use again once the reason is gone. */
const LONGEST_PAUSE_MS = 15_000;

/** SQS's counts are a minute behind at most times, so that asking more often tells nothing more. */
const DEPTHS_MS = 60_000;

/**
 * Reads the queue until the signal fires. Where it does not answer, nothing is lost and nothing has to be switched over: the poll of the
 * inbox goes on at its own interval the whole time. It costs one listing each time and is what counts the backlog, tidies the inbox
 * and finds what no event told of; events only make uploads known sooner.
 */
export class EventQueueLoop {
  readonly #options: EventQueueOptions;
  readonly #status: EventQueueStatus = { state: 'starting', depths: null, depthsFailure: null };
  #warnedOfDeadLetters = false;

  constructor(options: EventQueueOptions) {
    this.#options = options;
  }

  status(): EventQueueStatus {
    return { ...this.#status };
  }

  async run(signal: AbortSignal): Promise<void> {
    const { queue, log } = this.#options;
    const watching = this.#watchDepths(signal);
    while (!signal.aborted) {
      try {
        await this.#takeBatch(signal);
      } catch (error) {
        log.debug({ err: error }, 'reading the queue of events failed');
        await this.#pauseAfterFailure(signal);
      }
    }
    await watching;
    queue.close();
  }

  /** A message goes after its uploads are rows of the catalog, and not before: a crash in between only makes it come again. */
  async #takeBatch(signal: AbortSignal): Promise<void> {
    const { queue, log } = this.#options;
    const messages = await this.#calling(() => queue.receive(signal));
    if (messages.length === 0) return;
    const done = await this.#takeWhenPossible(messages, signal);
    const handles = messages.filter((_, n) => done[n] === true).map(({ handle }) => handle);
    if (handles.length < messages.length) {
      log.warn(
        { messages: messages.length - handles.length },
        'messages of the queue of events are left to come again: they are in no known form, or their uploads cannot be queued',
      );
    }
    if (handles.length === 0) return;
    const kept = await this.#calling(() => queue.delete(handles, signal));
    if (kept > 0) log.info({ messages: kept }, 'messages could not be deleted; they come again');
  }

  /**
   * Tries until it works, and receives nothing meanwhile: each message that is received and not deleted counts towards the queue's limit, and a
   * full disk, or credentials that ran out, would send every event of some minutes to the dead letters. Messages that are visible again by then come a
   * second time, and change nothing.
   */
  async #takeWhenPossible(messages: readonly QueueMessage[], signal: AbortSignal): Promise<boolean[]> {
    const { intake, log } = this.#options;
    const bodies = messages.map(({ body }) => body);
    for (let pauseMs = 0; ; pauseMs = Math.min(LONGEST_PAUSE_MS, pauseMs * 2 || PAUSE_MS)) {
      await pause(pauseMs, signal);
      try {
        const done = await intake.takeMessages(bodies, signal);
        if (pauseMs > 0) log.info('events are taken again');
        return done;
      } catch (error) {
        // Of an unknown error the messages may be the reason; they come again, and end as dead letters.
        if (signal.aborted || !isAkoshaError(error)) throw error;
        if (pauseMs === 0)
          log.warn(
            { err: error },
            'events cannot be taken, and none is received until they can: uploads are found by polling alone',
          );
      }
    }
  }

  /** Keeps the state in step with how calls of the queue end. */
  async #calling<T>(call: () => Promise<T>): Promise<T> {
    try {
      const result = await call();
      this.#tell('working');
      return result;
    } catch (error) {
      if (this.#options.breaker.status().state !== 'closed') this.#tell('away');
      throw error;
    }
  }

  #tell(state: 'working' | 'away'): void {
    const { metrics, log } = this.#options;
    metrics.ingestionQueueUp.set(state === 'working' ? 1 : 0);
    if (this.#status.state === state) return;
    if (state === 'away') log.warn('the queue of events is away: uploads are found by polling alone');
    else log.info('uploads are announced by the queue of events');
    this.#status.state = state;
  }

  async #pauseAfterFailure(signal: AbortSignal): Promise<void> {
    const { retryAt } = this.#options.breaker.status();
    await pause(retryAt === null ? PAUSE_MS : Math.max(PAUSE_MS, retryAt - Date.now()), signal);
  }

  async #watchDepths(signal: AbortSignal): Promise<void> {
    const { queue, metrics, log } = this.#options;
    while (!signal.aborted) {
      try {
        const depths = await queue.depths(signal);
        this.#status.depths = depths;
        this.#status.depthsFailure = null;
        metrics.ingestionQueueMessages.set({ queue: 'events' }, depths.messages);
        if (depths.deadLetters !== null)
          metrics.ingestionQueueMessages.set({ queue: 'dead_letter' }, depths.deadLetters);
        else if (!this.#warnedOfDeadLetters) {
          this.#warnedOfDeadLetters = true;
          log.warn(
            'the queue of events has no dead-letter queue: a message that cannot be read comes again and again',
          );
        }
      } catch (error) {
        this.#uncounted(error, signal);
      }
      await pause(DEPTHS_MS, signal);
    }
  }

  /** Once for each time that it begins: a right that is missing fails every minute, and dead letters would go unseen all the while. */
  #uncounted(error: unknown, signal: AbortSignal): void {
    if (signal.aborted) return;
    if (this.#status.depthsFailure === null) {
      this.#options.log.warn(
        { err: error },
        'the messages in the queue of events could not be counted: dead letters are not seen',
      );
    }
    this.#status.depthsFailure = messageOf(error);
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => undefined);
}

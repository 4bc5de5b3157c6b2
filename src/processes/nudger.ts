import { messageOf } from '../contract/index.js';

/** A pino logger fits. */
interface NudgerLog {
  info(details: Record<string, unknown>, message: string): void;
}

/**
 * Passes nudges on one after the other, without whoever has one waiting for it: while Temporal is away each takes seconds to fail.
 * Systems that are told meanwhile go together with the next. One that is lost costs no more than the wait until the poll checks on the system, which is a minute.
 */
export class Nudger {
  readonly #nudge: (systemIds: string[]) => Promise<void>;
  readonly #log: NudgerLog;
  readonly #waiting = new Set<string>();
  #isSending = false;

  constructor(nudge: (systemIds: string[]) => Promise<void>, log: NudgerLog) {
    this.#nudge = nudge;
    this.#log = log;
  }

  tell(systemIds: readonly string[]): void {
    for (const systemId of systemIds) this.#waiting.add(systemId);
    if (!this.#isSending) void this.#send();
  }

  async #send(): Promise<void> {
    this.#isSending = true;
    while (this.#waiting.size > 0) {
      const systemIds = [...this.#waiting];
      this.#waiting.clear();
      try {
        await this.#nudge(systemIds);
      } catch (error) {
        this.#log.info(
          { systems: systemIds.length, reason: messageOf(error) },
          'ingest could not be told of new uploads; the poll does it within a minute',
        );
      }
    }
    this.#isSending = false;
  }
}

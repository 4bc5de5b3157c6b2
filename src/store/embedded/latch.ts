import { AkoshaError } from '../../contract/index.js';

interface Entry {
  controller: AbortController;
  writes: Set<Promise<unknown>>;
  /** Stops listening to the caller. */
  leave: () => void;
}

/**
 * Which operations of this process are open, and their writes in flight. A write runs only while its operation is open, and
 * closing an operation raises its signal and waits for its writes: after that nothing of it can land any more, so that
 * the catalog may call it aborted and a sweep may take what it left.
 */
export class OperationLatch {
  readonly #open = new Map<number, Entry>();

  /**
   * Returns the operation's signal. It is raised where the operation is closed, with `OperationClosed` for a reason, or where
   * its caller gives up, with `Cancelled`: it stays open then, and does nothing more.
   */
  open(opId: number, caller?: AbortSignal): AbortSignal {
    const controller = new AbortController();
    const giveUp = (): void => controller.abort(givenUp(opId, caller?.reason));
    caller?.addEventListener('abort', giveUp, { once: true });
    if (caller?.aborted === true) giveUp();
    const leave = (): void => caller?.removeEventListener('abort', giveUp);
    this.#open.set(opId, { controller, writes: new Set(), leave });
    return controller.signal;
  }

  async write<T>(opId: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const entry = this.#open.get(opId);
    if (entry === undefined) throw closed(opId);
    const { signal } = entry.controller;
    signal.throwIfAborted();
    const write = work(signal);
    entry.writes.add(write);
    try {
      const result = await write;
      // Told to stop meanwhile: what was written is garbage already, and the attempt must not go on.
      signal.throwIfAborted();
      return result;
    } catch (error) {
      // Whatever it threw when it was told to stop, it stopped.
      signal.throwIfAborted();
      throw error;
    } finally {
      entry.writes.delete(write);
    }
  }

  async close(opId: number): Promise<void> {
    const entry = this.#open.get(opId);
    if (entry === undefined) return;
    this.#open.delete(opId);
    entry.leave();
    entry.controller.abort(closed(opId));
    await Promise.allSettled([...entry.writes]);
  }

  async closeAll(): Promise<void> {
    await Promise.all([...this.#open.keys()].map((opId) => this.close(opId)));
  }
}

function closed(opId: number): AkoshaError {
  return new AkoshaError('OperationClosed', `operation ${opId} was closed`);
}

function givenUp(opId: number, cause: unknown): AkoshaError {
  return new AkoshaError('Cancelled', `operation ${opId}: the caller gave up`, { cause });
}

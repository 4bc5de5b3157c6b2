import { AkoshaError } from '../../contract/index.js';

interface Entry {
  controller: AbortController;
  writes: Set<Promise<unknown>>;
}

/**
 * Which operations of this process are open, and their writes in flight. A write runs only while its operation is open, and
 * closing an operation raises its signal and waits for its writes: after that nothing of it can land any more, so that
 * the catalog may call it aborted and a sweep may take what it left.
 */
export class OperationLatch {
  readonly #open = new Map<number, Entry>();

  open(opId: number): void {
    this.#open.set(opId, { controller: new AbortController(), writes: new Set() });
  }

  async write<T>(opId: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const entry = this.#open.get(opId);
    if (entry === undefined) throw closed(opId);
    const write = work(entry.controller.signal);
    entry.writes.add(write);
    try {
      const result = await write;
      // Closed meanwhile: what was written is garbage already, and the attempt must not go on.
      if (!this.#open.has(opId)) throw closed(opId);
      return result;
    } finally {
      entry.writes.delete(write);
    }
  }

  async close(opId: number): Promise<void> {
    const entry = this.#open.get(opId);
    if (entry === undefined) return;
    this.#open.delete(opId);
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

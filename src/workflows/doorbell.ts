import { setHandler, type SignalDefinition } from '@temporalio/workflow';

export interface Doorbell {
  /** Forgets what rang so far: whatever is looked at from now on answers it. */
  reset(): void;
  rang(): boolean;
}

/**
 * Listens for a signal that says nothing but that it came. To miss none: reset, look, and await nothing between `rang()`
 * and the end of the run. One that comes later still makes the server refuse the end and hand out the task again. Call it
 * before the first `await`, or the first ring may be lost.
 */
export function listenFor(signal: SignalDefinition, description: string): Doorbell {
  let rung = false;
  setHandler(signal, () => void (rung = true), { description });
  return {
    reset: () => void (rung = false),
    rang: () => rung,
  };
}

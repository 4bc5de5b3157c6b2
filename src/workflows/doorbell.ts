import { setHandler, type SignalDefinition } from '@temporalio/workflow';

export interface Doorbell {
  /** Forgets what rang so far: whatever is looked at from now on answers it. */
  reset(): void;
  rang(): boolean;
}

/**
 * Listens for a signal of which counts that it came; what it says besides is for `onRing`. To miss none: reset, look, and await nothing between `rang()`
 * and the end of the run. One that comes later still makes the server refuse the end and hand out the task again. Call it
 * before the first `await`, or the first ring may be lost.
 */
export function listenFor<Content extends unknown[]>(
  signal: SignalDefinition<Content>,
  description: string,
  onRing: (...content: Content) => void = () => undefined,
): Doorbell {
  let rung = false;
  const ring = (...content: Content): void => {
    rung = true;
    onRing(...content);
  };
  setHandler(signal, ring, { description });
  return {
    reset: () => void (rung = false),
    rang: () => rung,
  };
}

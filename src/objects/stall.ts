import { AkoshaError } from '../contract/index.js';
import { stopper } from './stopper.js';

/** Watches over work that may take long but must go on. */
export interface StallWatch {
  /** Aborts when nothing has moved for too long, and with the caller's signal. */
  signal: AbortSignal;
  /** Something moved. */
  moved: () => void;
  /** The error to raise in place of what the abort led to; undefined where something always moved in time. */
  error: () => AkoshaError | undefined;
  release: () => void;
}

/** Without `stallMs` only the caller's signal aborts. */
export function stallWatch(
  stallMs: number | undefined,
  outer: AbortSignal | undefined,
  doing: string,
): StallWatch {
  const stop = stopper(outer);
  let error: AkoshaError | undefined;
  const timer = stallMs === undefined ? undefined : setTimeout(stalled, stallMs, stallMs);
  function stalled(ms: number): void {
    const seconds = ms / 1000;
    error = new AkoshaError(
      'ObjectStoreUnavailable',
      `${doing}: nothing moved for ${seconds} s; a line that needs longer needs a higher upload_timeout_seconds`,
      { details: { stallMs: ms } },
    );
    stop.now();
  }
  return {
    signal: stop.signal,
    moved: () => void timer?.refresh(),
    error: () => error,
    release: () => {
      clearTimeout(timer);
      stop.release();
    },
  };
}

import { setMaxListeners } from 'node:events';

/** A signal that aborts when `outer` does, or by `now`. */
export interface Stopper {
  signal: AbortSignal;
  now: () => void;
  /** Lets go of `outer`, which may live as long as the process: `AbortSignal.any` would leave a trace on it each time. */
  release: () => void;
}

/** Requests of one caller at once, and those whose bodies are just ending. Node warns from eleven on. */
const REQUESTS_AT_ONCE = 100;

export function stopper(outer: AbortSignal | undefined): Stopper {
  const controller = new AbortController();
  const now = (): void => controller.abort();
  if (outer?.aborted === true) now();
  if (outer !== undefined) setMaxListeners(REQUESTS_AT_ONCE, outer);
  outer?.addEventListener('abort', now, { once: true });
  return { signal: controller.signal, now, release: () => outer?.removeEventListener('abort', now) };
}

/** A signal that aborts when `outer` does, or by `now`. */
export interface Stopper {
  signal: AbortSignal;
  now: () => void;
  /** Lets go of `outer`, which may live as long as the process: `AbortSignal.any` would leave a trace on it each time. */
  release: () => void;
}

export function stopper(outer: AbortSignal | undefined): Stopper {
  const controller = new AbortController();
  const now = (): void => controller.abort();
  if (outer?.aborted === true) now();
  outer?.addEventListener('abort', now, { once: true });
  return { signal: controller.signal, now, release: () => outer?.removeEventListener('abort', now) };
}

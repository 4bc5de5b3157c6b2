import { AkoshaError } from '../contract/index.js';

export function cancelled(what: string, cause?: unknown): AkoshaError {
  return new AkoshaError('Cancelled', `${what}: the caller gave up`, { cause });
}

export function throwIfAborted(signal: AbortSignal | undefined, what: string): void {
  if (signal?.aborted === true) throw cancelled(what, signal.reason);
}

/** Node, the AWS SDK and `AbortSignal` itself all name their error so. */
export function isAbortError(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError';
}

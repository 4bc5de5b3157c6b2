import { setTimeout as sleep } from 'node:timers/promises';

/** What may go out at once after a pause: less than a buffer of the network's, so that the limit also holds over a second. */
const BURST_MS = 100;

/** So many pieces a second share a narrow line among the parts under way, each moving several times a second. */
const PIECES_A_SECOND = 20;

/** A piece costs a turn of the event loop; smaller ones than this only cost more of them. */
const MOST_PIECE_BYTES = 64 * 1024;
const LEAST_PIECE_BYTES = 1024;

/**
 * A limit on the bytes that all parts of a process send together: a token bucket, kept as the time at which what was asked
 * for so far will have gone out.
 */
export class Bandwidth {
  /** Bytes to ask for at a time. */
  readonly pieceBytes: number;
  readonly #bytesPerMs: number;
  #busyUntil = 0;

  constructor(bytesPerSecond: number) {
    this.#bytesPerMs = bytesPerSecond / 1000;
    const piece = Math.floor(bytesPerSecond / PIECES_A_SECOND);
    this.pieceBytes = Math.min(MOST_PIECE_BYTES, Math.max(LEAST_PIECE_BYTES, piece));
  }

  /** Returns when so many bytes may go out, in the order of asking. Raises the signal's `AbortError`. */
  async take(bytes: number, signal: AbortSignal): Promise<void> {
    const now = performance.now();
    this.#busyUntil = Math.max(this.#busyUntil, now - BURST_MS) + bytes / this.#bytesPerMs;
    const waitMs = this.#busyUntil - now;
    if (waitMs > 0) await sleep(waitMs, undefined, { signal });
  }
}

/** Bytes to send at a time where no limit is set. */
export const UNLIMITED_PIECE_BYTES = MOST_PIECE_BYTES;

import { setTimeout as sleep } from 'node:timers/promises';
import { AkoshaError, isAkoshaError, receiptKey, type UploadRef } from '../contract/index.js';
import { parseReceipt, type Receipt } from '../memory/index.js';
import type { ObjectStore } from '../objects/index.js';
import { throwIfCancelled } from './options.js';
import { getIfPresent } from './store-reads.js';

/** An ingest takes tens of milliseconds, so the first looks are close together. */
const FIRST_POLL_MS = 100;

/** A second's delay is not noticed by someone who waited for several, and a bucket bills each look. */
const LAST_POLL_MS = 1000;

const GROWTH = 1.5;

/** What became of an upload, or undefined while it is not ingested. */
export async function readReceipt(
  store: ObjectStore,
  ref: UploadRef,
  options: { signal?: AbortSignal | undefined } = {},
): Promise<Receipt | undefined> {
  const bytes = await getIfPresent(store, receiptKey(ref), options.signal);
  return bytes === undefined ? undefined : parseReceipt(bytes);
}

export interface WaitOptions {
  timeoutMs: number;
  signal?: AbortSignal | undefined;
  /** Pause after the first look; it grows to a second. */
  pollMs?: number;
}

/**
 * Waits for an upload's receipt; undefined where there is none after `timeoutMs`. An object store that does
 * not answer is waited for too. Raises `Cancelled` where the signal fires.
 */
export function waitForReceipt(
  store: ObjectStore,
  ref: UploadRef,
  options: WaitOptions,
): Promise<Receipt | undefined> {
  return pollUntil(() => readUnlessAway(store, ref, options.signal), ref.uploadId, options);
}

/** Looks again and again, until there is something to see or the time is up. */
export async function pollUntil<T>(
  look: () => Promise<T | undefined>,
  uploadId: string,
  { timeoutMs, signal, pollMs = FIRST_POLL_MS }: WaitOptions,
): Promise<T | undefined> {
  const deadline = performance.now() + timeoutMs;
  for (let pause = pollMs; ; pause = Math.min(pause * GROWTH, Math.max(pollMs, LAST_POLL_MS))) {
    throwIfCancelled(signal, `waiting for the receipt of upload ${uploadId}`);
    const seen = await look();
    if (seen !== undefined) return seen;
    const left = deadline - performance.now();
    if (left <= 0) return undefined;
    await pauseFor(Math.min(pause, left), uploadId, signal);
  }
}

async function readUnlessAway(
  store: ObjectStore,
  ref: UploadRef,
  signal: AbortSignal | undefined,
): Promise<Receipt | undefined> {
  try {
    return await readReceipt(store, ref, { signal });
  } catch (error) {
    if (isAkoshaError(error, 'ObjectStoreUnavailable')) return undefined;
    throw error;
  }
}

async function pauseFor(ms: number, uploadId: string, signal: AbortSignal | undefined): Promise<void> {
  try {
    await sleep(ms, undefined, signal === undefined ? {} : { signal });
  } catch (error) {
    throw new AkoshaError('Cancelled', `waiting for the receipt of upload ${uploadId}: cancelled`, {
      cause: error,
    });
  }
}

import { isAkoshaError } from '../contract/index.js';
import type { ServerAnswer, SyncMethod } from './methods/method.js';
import { pollUntil, type WaitOptions } from './receipt.js';

/** A server's last word on an upload. */
export type ServerReceipt = Exclude<ServerAnswer, { status: 'pending' }>;

/**
 * Waits until the server has ingested or put aside all of an upload that it keeps under ids of its own; undefined where it has not after
 * `timeoutMs`. A server that does not answer is waited for too. Raises `Cancelled` where the signal fires.
 */
export function waitAtServer(
  askAfter: NonNullable<SyncMethod['askAfter']>,
  uploadId: string,
  options: WaitOptions,
): Promise<ServerReceipt | undefined> {
  const look = askAfter(uploadId);
  const lookUnlessAway = async (): Promise<ServerReceipt | undefined> => {
    try {
      const answer = await look(options.signal);
      return answer.status === 'pending' ? undefined : answer;
    } catch (error) {
      if (isAkoshaError(error, 'ServerUnavailable')) return undefined;
      throw error;
    }
  };
  return pollUntil(lookUnlessAway, uploadId, options);
}

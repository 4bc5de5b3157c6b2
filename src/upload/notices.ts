import { isAkoshaError, messageOf } from '../contract/index.js';
import { sendWebhook, type CircuitBreaker } from '../runtime/index.js';
import type { Host } from './host.js';
import { noticeOf } from './notice.js';
import { noticeBackoffMs } from './outbox/backoff.js';
import type { Outbox } from './outbox/outbox.js';
import type { UploadRow } from './outbox/row-shapes.js';
import { DAY_MS } from './stale-parts.js';

/** Who is told of each sync's end. */
export interface Webhook {
  url: string;
  secret: string;
  breaker: CircuitBreaker;
  /** Told of each try. */
  onTry?: ((outcome: NoticeOutcome) => void) | undefined;
}

export type NoticeOutcome = 'sent' | 'failed' | 'given_up';

/**
 * The receiver's longest silence and something more: a notice that is under way in one process is left alone by the others, and one that was
 * under way in a process that died waits no longer than this.
 */
const CLAIM_MS = 15_000;

/** After a day the news is none, and a receiver that is down for longer is asked for what it missed, not flooded with it. */
const GIVE_UP_MS = DAY_MS;

/**
 * Tells the webhook's receiver of the uploads that ended at least `leastAgeMs` ago and that it was not told of yet. A notice that cannot be
 * sent waits for its next try: from 1 s on, ten minutes at most, a day in all. A process that has no webhook leaves them for that day to one
 * that may have it: the outbox is all processes', their settings are not.
 *
 * Raises what the last failed try did, `WebhookFailed` or `WebhookRefused`, and `Cancelled`.
 */
export async function sendNotices(
  host: Host,
  { signal, leastAgeMs = 0 }: { signal?: AbortSignal | undefined; leastAgeMs?: number } = {},
): Promise<void> {
  const { outbox, webhook } = host;
  if (webhook === undefined) {
    if (outbox.notices.due(GIVE_UP_MS).length > 0) outbox.notices.expire(GIVE_UP_MS);
    return;
  }
  const due = outbox.notices.due(leastAgeMs);
  let failure: { error: unknown } | undefined;
  for (const upload of due) {
    if (!outbox.notices.claim(upload.uploadId, CLAIM_MS)) continue;
    try {
      await sendOne(outbox, webhook, upload, signal);
    } catch (error) {
      failure = { error };
      if (error instanceof Error) about.set(error, upload.uploadId);
      // One that is refused says nothing of the others; a receiver that is away is away for all.
      if (!isAkoshaError(error, 'WebhookRefused')) break;
    }
  }
  if (failure !== undefined) throw failure.error;
}

/** Of which upload a notice failed. */
const about = new WeakMap<Error, string>();

async function sendOne(
  outbox: Outbox,
  { url, secret, breaker, onTry }: Webhook,
  upload: UploadRow,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { notices, rows } = outbox;
  const { uploadId } = upload;
  const notice = noticeOf(outbox, upload);
  const { event, delivery: deliveryId } = notice;
  const request = { url, secret, event, deliveryId, body: JSON.stringify(notice) };
  try {
    await breaker.run(
      (stop) => sendWebhook({ ...request, signal: stop }),
      signal === undefined ? {} : { signal },
    );
  } catch (error) {
    if (signal?.aborted === true) notices.release(uploadId);
    else if (rows.now() - (upload.endedAt ?? 0) >= GIVE_UP_MS) {
      notices.end(uploadId, 'given_up');
      onTry?.('given_up');
    } else {
      const permanent = isAkoshaError(error) && error.permanent;
      notices.tryFailed(uploadId, (attempts) => noticeBackoffMs(attempts, { permanent }));
      onTry?.('failed');
    }
    throw error;
  }
  notices.end(uploadId, 'sent');
  onTry?.('sent');
}

/** Logs what `sendNotices` raises; for whoever has nobody to tell. */
export async function sendNoticesQuietly(
  host: Host,
  options: Parameters<typeof sendNotices>[1],
): Promise<void> {
  try {
    await sendNotices(host, options);
  } catch (error) {
    if (isAkoshaError(error, 'Cancelled')) return;
    const uploadId = error instanceof Error ? about.get(error) : undefined;
    host.log?.warn({ uploadId, reason: messageOf(error) }, 'a notice was not sent; it is tried again');
  }
}

import { AkoshaError, messageOf } from '../contract/index.js';

export interface PagerDutyEvent {
  /** Of the account's region; `https://events.pagerduty.com/v2/enqueue` for most. */
  url: string;
  /** The integration key of a service, 32 characters. */
  routingKey: string;
  action: 'trigger' | 'resolve';
  /** The same for both: PagerDuty opens one alert for it, however often it hears of it, and closes that one. */
  dedupKey: string;
  summary: string;
  /** The machine that is affected. */
  source: string;
  /** ISO 8601. */
  timestamp: string;
  details: Record<string, unknown>;
  signal: AbortSignal;
}

/** An event is taken within a second; who has not taken it by then gets it again. */
const LIMIT_MS = 10_000;

/** PagerDuty's limit on a summary, in characters. */
const LONGEST_SUMMARY = 1024;

/**
 * Sends an event in the format of PagerDuty's Events API v2. It answers 202 where it has taken one.
 *
 * Raises `WebhookFailed` where another try may help (no answer, 408, 429, 5xx), `WebhookRefused` for every other answer, and
 * `Cancelled`. The routing key is in no message.
 */
export async function sendPagerDutyEvent(event: PagerDutyEvent): Promise<void> {
  const { origin } = new URL(event.url);
  const deadline = AbortSignal.timeout(LIMIT_MS);
  let status: number;
  try {
    const response = await fetch(event.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'user-agent': 'akosha' },
      body: JSON.stringify(bodyOf(event)),
      redirect: 'manual',
      signal: AbortSignal.any([event.signal, deadline]),
    });
    await response.body?.cancel();
    ({ status } = response);
  } catch (error) {
    if (event.signal.aborted) throw new AkoshaError('Cancelled', `the event to ${origin}: cancelled`);
    const reason = deadline.aborted ? `no answer within ${LIMIT_MS / 1000} s` : reasonOf(error);
    throw new AkoshaError('WebhookFailed', `the event to ${origin} was not taken: ${reason}`);
  }
  if (status >= 200 && status < 300) return;
  const again = status === 408 || status === 429 || status >= 500;
  throw new AkoshaError(
    again ? 'WebhookFailed' : 'WebhookRefused',
    `${origin} answered an event with ${status}${again ? '' : ': check pagerduty_routing_key (AKOSHA_PAGERDUTY_ROUTING_KEY)'}`,
    { details: { status } },
  );
}

/** A `resolve` needs no payload. */
function bodyOf({ routingKey, action, dedupKey, summary, source, timestamp, details }: PagerDutyEvent) {
  const event = { routing_key: routingKey, event_action: action, dedup_key: dedupKey };
  if (action === 'resolve') return event;
  return {
    ...event,
    client: 'akosha',
    payload: {
      summary: summary.slice(0, LONGEST_SUMMARY),
      source,
      severity: 'critical',
      timestamp,
      component: 'akosha-server',
      class: 'orchestrator unreachable',
      custom_details: details,
    },
  };
}

/** `fetch` says only that it failed; why stands in its cause. */
function reasonOf(error: unknown): string {
  return messageOf(error instanceof Error && error.cause !== undefined ? error.cause : error);
}

import { createHmac } from 'node:crypto';
import { AkoshaError, messageOf } from '../contract/index.js';

export interface WebhookRequest {
  /** Where to. A user and password in it are sent as Basic authentication. */
  url: string;
  /** Known to the receiver, and to nobody else. */
  secret: string;
  /** What is told, such as `sync.completed`. */
  event: string;
  /** The same in every try at one notice, so that the receiver can tell a repeated one. */
  deliveryId: string;
  /** JSON. Exactly these bytes are signed and sent. */
  body: string;
  signal?: AbortSignal | undefined;
}

/** Taking down a notice is a matter of milliseconds; who has not by then is away, and gets it again. */
const LIMIT_MS = 10_000;

/**
 * Posts a notice. `X-Akosha-Signature-256` is `sha256=` and the HMAC-SHA256 of the body's bytes in hexadecimal, keyed with the secret's
 * UTF-8 bytes, in the form of GitHub's `X-Hub-Signature-256`, which receivers have libraries for. Redirects are not followed: the notice
 * is for the host that the settings name.
 *
 * Raises `WebhookFailed` where another try may help (no answer within 10 s, 408, 429, 5xx), `WebhookRefused` for every other answer
 * but 2xx, and `Cancelled`. Messages hold the URL's origin alone: receivers put keys into the rest of it.
 */
export async function sendWebhook(request: WebhookRequest): Promise<void> {
  const { signal } = request;
  const url = new URL(request.url);
  const deadline = AbortSignal.timeout(LIMIT_MS);
  let response: Response;
  try {
    response = await fetch(withoutUser(url), {
      method: 'POST',
      headers: headersOf(request, url),
      body: Buffer.from(request.body),
      redirect: 'manual',
      signal: signal === undefined ? deadline : AbortSignal.any([signal, deadline]),
    });
    // What it says beside its status is nobody's to read, and may be without end.
    await response.body?.cancel();
  } catch (error) {
    if (signal?.aborted === true) {
      throw new AkoshaError('Cancelled', `the notice to ${url.origin}: cancelled`);
    }
    const reason = deadline.aborted ? `no answer within ${LIMIT_MS / 1000} s` : reasonOf(error);
    throw new AkoshaError('WebhookFailed', `the notice to ${url.origin} was not taken: ${reason}`);
  }
  if (!response.ok) throw refusal(url, response.status);
}

function headersOf({ secret, event, deliveryId, body }: WebhookRequest, url: URL): Record<string, string> {
  const user = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
  return {
    'content-type': 'application/json',
    'user-agent': 'akosha',
    'x-akosha-event': event,
    'x-akosha-delivery': deliveryId,
    'x-akosha-signature-256': `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`,
    ...(user === ':' ? {} : { authorization: `Basic ${Buffer.from(user).toString('base64')}` }),
  };
}

/** `fetch` refuses a URL that holds them. */
function withoutUser(url: URL): URL {
  const bare = new URL(url);
  bare.username = '';
  bare.password = '';
  return bare;
}

function refusal({ origin }: URL, status: number): AkoshaError {
  const details = { status };
  const message = `${origin} answered a notice with ${status}`;
  if (status === 408 || status === 429 || status >= 500) {
    return new AkoshaError('WebhookFailed', message, { details });
  }
  const why =
    status < 400
      ? 'a notice is not sent on to another address; set the URL to the one that takes it'
      : 'the URL or the secret is not what its receiver expects';
  return new AkoshaError('WebhookRefused', `${message}: ${why}`, { details });
}

/** `fetch` says only that it failed; why stands in its cause. */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error ? messageOf(cause) : messageOf(error);
}

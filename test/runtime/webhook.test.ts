import { createHmac } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { sendWebhook, type WebhookRequest } from '../../src/runtime/index.js';
import { startWebhookReceiver, type WebhookReceiver } from '../support/webhook-receiver.js';

const SECRET = 'a secret of both sides';
const BODY = '{"system":"höst",  "files":2}\n';

let receiver: WebhookReceiver;
beforeAll(async () => {
  receiver = await startWebhookReceiver();
});
afterEach(() => {
  receiver.received.length = 0;
  receiver.script.length = 0;
});
afterAll(() => receiver.close());

const send = (change: Partial<WebhookRequest> = {}): Promise<void> =>
  sendWebhook({
    url: receiver.url,
    secret: SECRET,
    event: 'sync.completed',
    deliveryId: 'delivery-1',
    body: BODY,
    ...change,
  });

/** What the sender raised, as text with everything in it, and its type. */
async function failureOf(sending: Promise<void>): Promise<{ type: unknown; text: string }> {
  const error: unknown = await sending.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof Error)) throw new Error('the notice was taken');
  const details = JSON.stringify({ ...error });
  return {
    type: 'type' in error ? error.type : undefined,
    text: [error.message, error.stack, String(error.cause), details].join('\n'),
  };
}

describe('a webhook', () => {
  it('posts the raw bytes, with a signature that the receiver can compute from them', async () => {
    await send();
    expect(receiver.received).toHaveLength(1);
    expect(receiver.received[0]).toMatchObject({
      method: 'POST',
      path: '/notices?key=in-the-query',
      body: BODY,
      headers: {
        'content-type': 'application/json',
        'x-akosha-event': 'sync.completed',
        'x-akosha-delivery': 'delivery-1',
        'x-akosha-signature-256': `sha256=${createHmac('sha256', SECRET).update(BODY, 'utf8').digest('hex')}`,
      },
    });
  });

  it('signs as the documented example says', async () => {
    await send({ secret: "It's a Secret to Everybody", body: 'Hello, World!' });
    expect(receiver.received[0]?.headers['x-akosha-signature-256']).toBe(
      'sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17',
    );
  });

  it('sends the user of the URL as Basic authentication', async () => {
    await send({ url: receiver.url.replace('//', '//me:p%40ss@') });
    const expected = `Basic ${Buffer.from('me:p@ss').toString('base64')}`;
    expect(receiver.received[0]?.headers['authorization']).toBe(expected);
  });

  it.each([408, 429, 500, 503])('that is answered with %d can be tried again', async (status) => {
    receiver.script.push(status);
    expect(await failureOf(send())).toMatchObject({ type: 'WebhookFailed' });
  });

  it.each([301, 307, 400, 401, 404, 410])('that is answered with %d is refused for good', async (status) => {
    receiver.script.push(status);
    expect(await failureOf(send())).toMatchObject({ type: 'WebhookRefused' });
    // Not followed.
    expect(receiver.received).toHaveLength(1);
  });

  it('can be tried again where nobody answers', async () => {
    const gone = await startWebhookReceiver();
    await gone.close();
    const { type, text } = await failureOf(send({ url: gone.url }));
    expect(type).toBe('WebhookFailed');
    expect(text).toMatch(/ECONNREFUSED/);
  });

  it('waits no longer than ten seconds for an answer', async () => {
    receiver.script.push(0);
    const limit = vi.spyOn(AbortSignal, 'timeout').mockImplementation((ms) => {
      expect(ms).toBe(10_000);
      // A double of the clock: ten seconds are over at once.
      return AbortSignal.abort(new DOMException('over', 'TimeoutError'));
    });
    try {
      const { type, text } = await failureOf(send());
      expect({ type, text }).toMatchObject({ type: 'WebhookFailed' });
      expect(text).toContain('no answer within 10 s');
    } finally {
      limit.mockRestore();
    }
  });

  it('ends with its caller', async () => {
    receiver.script.push(0);
    const caller = new AbortController();
    const failure = failureOf(send({ signal: caller.signal }));
    await vi.waitFor(() => expect(receiver.received).toHaveLength(1));
    caller.abort();
    expect(await failure).toMatchObject({ type: 'Cancelled' });
  });

  it('tells no secret in what it raises', async () => {
    const url = receiver.url.replace('//', '//me:hunter2hunter2@');
    receiver.script.push(500, 403, 302);
    for (let i = 0; i < 3; i++) {
      const { text } = await failureOf(send({ url }));
      expect(text).toContain('http://127.0.0.1');
      expect(text).not.toMatch(/hunter2|in-the-query|a secret of both sides/);
    }
    const unreachable = url.replace(/:\d+\//, ':1/');
    expect((await failureOf(send({ url: unreachable }))).text).not.toMatch(/hunter2|in-the-query|a secret/);
  });
});

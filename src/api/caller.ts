import type { ServerResponse } from 'node:http';

/**
 * Fires when the connection closes before the reply is out. Fastify's own `request.signal` listens to the request instead, which on
 * Node 20 closes as soon as its body has been read.
 */
export function callerGone(reply: { raw: ServerResponse }): AbortSignal {
  const gone = new AbortController();
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) gone.abort();
  });
  return gone.signal;
}

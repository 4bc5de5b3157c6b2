import { createServer } from 'node:http';

export interface ReceivedNotice {
  method: string;
  path: string;
  headers: Record<string, string | string[] | undefined>;
  /** The raw bytes, as text. */
  body: string;
}

export interface WebhookReceiver {
  url: string;
  received: ReceivedNotice[];
  /** Statuses of the next answers; 204 beyond them, and no answer at all for 0. */
  script: number[];
  close(): Promise<void>;
}

/** A receiver of notices that answers as it is told. */
export async function startWebhookReceiver(): Promise<WebhookReceiver> {
  const received: ReceivedNotice[] = [];
  const script: number[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request
      .on('data', (chunk: Buffer) => chunks.push(chunk))
      .on('end', () => {
        const { method = '', url: path = '', headers } = request;
        received.push({ method, path, headers, body: Buffer.concat(chunks).toString() });
        const status = script.shift() ?? 204;
        const redirect = status >= 300 && status < 400 ? { location: '/elsewhere' } : {};
        if (status !== 0) response.writeHead(status, redirect).end();
      });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    url: `http://127.0.0.1:${address.port}/notices?key=in-the-query`,
    received,
    script,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';

/** Takes the alert's notices, and keeps what each said and whether its signature was right. */
export async function receiveAlerts(secret) {
  const taken = [];
  const server = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const hmac = createHmac('sha256', secret).update(Buffer.concat(chunks)).digest('hex');
    taken.push({
      event: request.headers['x-akosha-event'],
      genuine: request.headers['x-akosha-signature-256'] === `sha256=${hmac}`,
    });
    response.writeHead(204).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    taken,
    url: `http://127.0.0.1:${server.address().port}/alerts`,
    close: () => server.close(),
  };
}

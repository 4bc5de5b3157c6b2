import { createHmac } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

export const SECRET = 'a secret of the receiver';

export interface Notice {
  event: string;
  delivery: string;
  genuine: boolean;
}

/** Takes the alert's notices, the first try at each answered with 503. */
export class Receiver {
  readonly taken: Notice[] = [];
  readonly #refused = new Set<string>();
  readonly #server: Server;

  constructor() {
    this.#server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const delivery = String(request.headers['x-akosha-delivery']);
        const first = !this.#refused.has(delivery);
        this.#refused.add(delivery);
        const hmac = createHmac('sha256', SECRET).update(Buffer.concat(chunks)).digest('hex');
        const genuine = request.headers['x-akosha-signature-256'] === `sha256=${hmac}`;
        if (!first) this.taken.push({ event: String(request.headers['x-akosha-event']), delivery, genuine });
        response.writeHead(first ? 503 : 204).end();
      });
    });
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/alerts`;
  }

  close(): void {
    this.#server.close();
  }
}

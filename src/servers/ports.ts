import { createServer } from 'node:net';
import { AkoshaError } from '../contract/index.js';

const LOOPBACK = '127.0.0.1';

/**
 * A TCP port that was free on loopback a moment ago. Another process may take it before it is used: callers that
 * start a server try again with another one.
 */
export async function freePort(): Promise<number> {
  return listenOnce(0);
}

/** Several different free ports. */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < count) ports.add(await freePort());
  return [...ports];
}

/** A free port whose neighbour `offset` above it is free too: some servers derive one port from another. */
export async function freePortPair(offset: number): Promise<[number, number]> {
  // Each try fails only where the neighbour is taken or past 65535; a hundred failures mean no ports are left.
  for (let attempt = 0; attempt < 100; attempt += 1) {
    const port = await freePort();
    if (port + offset > 65535) continue;
    try {
      return [port, await listenOnce(port + offset)];
    } catch {
      // Taken: try another pair.
    }
  }
  throw new AkoshaError('ServerFailed', `no two free TCP ports ${offset} apart on ${LOOPBACK}`);
}

function listenOnce(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen({ port, host: LOOPBACK }, () => {
      const address = server.address();
      server.close(() => {
        if (typeof address === 'object' && address !== null) resolve(address.port);
        else reject(new AkoshaError('ServerFailed', 'the system named no TCP port'));
      });
    });
  });
}

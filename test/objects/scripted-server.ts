import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { S3Location } from '../../src/objects/index.js';
import { locationOf, useS3Credentials } from './stores.js';

/** What the server does with one request. */
export type Answer = (request: IncomingMessage, response: ServerResponse) => void;

export interface ScriptedServer {
  /** The answers to the next requests, in order. Every request beyond them gets a plain 200. */
  script: Answer[];
  /** Method, path and the names of the query of what came. */
  requests: string[];
  location: S3Location;
  close(): Promise<void>;
}

/** A double of an S3 server that answers as it is told, to inject what a real one cannot be made to show. */
export async function startScriptedServer(): Promise<ScriptedServer> {
  useS3Credentials();
  const script: Answer[] = [];
  const requests: string[] = [];
  const server = createServer((request, response) => {
    request.resume().on('end', () => {
      requests.push(`${request.method ?? ''} ${(request.url ?? '').replace(/=[^&]*/g, '')}`);
      (script.shift() ?? answer(200))(request, response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    script,
    requests,
    location: locationOf(`s3://bucket?endpoint=http://127.0.0.1:${address.port}&part_size_mb=5`),
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export function answer(status: number, body = '', headers: Record<string, string> = {}): Answer {
  return (_, response) => response.writeHead(status, headers).end(body);
}

export function failure(status: number, code: string): Answer {
  return answer(status, `<Error><Code>${code}</Code><Message>injected</Message></Error>`);
}

export const begun = answer(
  200,
  '<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>',
);

export const completed = answer(
  200,
  '<CompleteMultipartUploadResult><ETag>"e"</ETag></CompleteMultipartUploadResult>',
);

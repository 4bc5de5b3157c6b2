import { createServer, type IncomingHttpHeaders } from 'node:http';
import { z } from 'zod';

const Value = z.looseObject({ stringValue: z.string().optional(), intValue: z.number().optional() });
const Attributes = z.array(z.object({ key: z.string(), value: Value }));
const Export = z.object({
  resourceSpans: z.array(
    z.object({
      resource: z.looseObject({ attributes: Attributes }),
      scopeSpans: z.array(
        z.object({
          spans: z.array(
            z.looseObject({
              traceId: z.string(),
              spanId: z.string(),
              parentSpanId: z.string().optional(),
              name: z.string(),
              startTimeUnixNano: z.string(),
              endTimeUnixNano: z.string(),
              attributes: Attributes,
              status: z.object({ code: z.number(), message: z.string().optional() }),
              events: z.array(z.unknown()),
              links: z.array(z.looseObject({ traceId: z.string(), spanId: z.string() })),
            }),
          ),
        }),
      ),
    }),
  ),
});

export interface CollectedSpan {
  traceId: string;
  spanId: string;
  parentSpanId: string | undefined;
  name: string;
  startedAt: number;
  endedAt: number;
  attributes: Record<string, string | number | undefined>;
  status: { code: number; message?: string | undefined };
  events: unknown[];
  links: { traceId: string; spanId: string }[];
  resource: Record<string, string | number | undefined>;
}

export interface Collector {
  /** For `traces_endpoint`. */
  url: string;
  /** Each request's, as it came. */
  bodies: string[];
  headers: IncomingHttpHeaders[];
  /** All that came so far. */
  spans(): CollectedSpan[];
  /** What the next requests are answered with; 200 beyond them, and no answer at all for 0. */
  script: number[];
  close(): Promise<void>;
}

/** Takes spans as an OpenTelemetry collector does (OTLP over HTTP, JSON), and does nothing but keep them. */
export async function startCollector(): Promise<Collector> {
  const bodies: string[] = [];
  const headers: IncomingHttpHeaders[] = [];
  const script: number[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request
      .on('data', (chunk: Buffer) => chunks.push(chunk))
      .on('end', () => {
        const status = script.shift() ?? 200;
        if (status === 0) return;
        headers.push(request.headers);
        if (status === 200) bodies.push(Buffer.concat(chunks).toString());
        response.writeHead(status, { 'content-type': 'application/json' }).end('{}');
      });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    url: `http://127.0.0.1:${address.port}/v1/traces`,
    bodies,
    headers,
    script,
    spans: () => bodies.flatMap(spansIn),
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function spansIn(body: string): CollectedSpan[] {
  return Export.parse(JSON.parse(body)).resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) =>
      spans.map(({ attributes, startTimeUnixNano, endTimeUnixNano, parentSpanId, ...span }) => ({
        ...span,
        parentSpanId: parentSpanId === '' ? undefined : parentSpanId,
        startedAt: Number(startTimeUnixNano) / 1e6,
        endedAt: Number(endTimeUnixNano) / 1e6,
        attributes: flat(attributes),
        resource: flat(resource.attributes),
      })),
    ),
  );
}

function flat(attributes: z.infer<typeof Attributes>): Record<string, string | number | undefined> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, value.stringValue ?? value.intValue]));
}

/** Whose child is whose: each span's name, under its parent's. */
export function pathOf(span: CollectedSpan, spans: readonly CollectedSpan[]): string[] {
  const parent = spans.find(({ spanId }) => spanId === span.parentSpanId);
  return [...(parent === undefined ? [] : pathOf(parent, spans)), span.name];
}

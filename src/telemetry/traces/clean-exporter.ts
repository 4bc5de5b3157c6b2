import { ExportResultCode, type ExportResult } from '@opentelemetry/core';
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace-base';
import { messageOf } from '../../contract/index.js';
import type { Logger } from '../log.js';
import { sentAttributes } from './attributes.js';

/** A collector that is away for hours is worth some lines of the log, not one every other second. */
const SAY_EVERY_MS = 60_000;

const ERROR_TYPE = 'error.type';

/**
 * Sends of each span its name, its times, its place in the trace and what `attributes.ts` lists. What libraries add stays here: the message and
 * the stack of an error may quote a memory or a path, and a workflow's description of itself holds its input's ids and more.
 */
export class CleanExporter implements SpanExporter {
  readonly #exporter: SpanExporter;
  readonly #log: Pick<Logger, 'warn'>;
  #lost = 0;
  #saidAt = -Infinity;

  constructor(exporter: SpanExporter, log: Pick<Logger, 'warn'>) {
    this.#exporter = exporter;
    this.#log = log;
  }

  export(spans: ReadableSpan[], done: (result: ExportResult) => void): void {
    this.#exporter.export(spans.map(cleaned), (result) => {
      if (result.code !== ExportResultCode.SUCCESS) this.#tellLost(spans.length, result.error);
      // What is lost is told of here: the SDK's own handling of a failure is to write to the console.
      done({ code: ExportResultCode.SUCCESS });
    });
  }

  forceFlush(): Promise<void> {
    return this.#exporter.forceFlush?.() ?? Promise.resolve();
  }

  shutdown(): Promise<void> {
    return this.#exporter.shutdown();
  }

  #tellLost(spans: number, error: Error | undefined): void {
    this.#lost += spans;
    const now = performance.now();
    if (now - this.#saidAt < SAY_EVERY_MS) return;
    this.#log.warn(
      { spans: this.#lost, reason: error === undefined ? 'unknown' : messageOf(error) },
      'spans could not be sent to traces_endpoint (AKOSHA_TRACES_ENDPOINT), and are lost',
    );
    this.#saidAt = now;
    this.#lost = 0;
  }
}

function cleaned(span: ReadableSpan): ReadableSpan {
  const attributes = sentAttributes(span.attributes);
  const exception = span.events.find(({ name }) => name === 'exception')?.attributes?.['exception.type'];
  if (attributes[ERROR_TYPE] === undefined && typeof exception === 'string') {
    attributes[ERROR_TYPE] = exception;
  }
  return {
    name: span.name,
    kind: span.kind,
    spanContext: () => span.spanContext(),
    ...(span.parentSpanId === undefined ? {} : { parentSpanId: span.parentSpanId }),
    startTime: span.startTime,
    endTime: span.endTime,
    status: { code: span.status.code },
    attributes,
    links: span.links.map(({ context }) => ({ context })),
    events: [],
    duration: span.duration,
    ended: span.ended,
    resource: span.resource,
    instrumentationLibrary: span.instrumentationLibrary,
    droppedAttributesCount: span.droppedAttributesCount,
    droppedEventsCount: span.droppedEventsCount,
    droppedLinksCount: span.droppedLinksCount,
  };
}

import {
  context,
  createContextKey,
  isSpanContextValid,
  SpanStatusCode,
  trace,
  type Context,
  type Span as OtelSpan,
  type SpanContext,
  type SpanOptions as OtelOptions,
  type Tracer,
} from '@opentelemetry/api';
import { parseTraceParent } from '@opentelemetry/core';
import { isAkoshaError } from '../../contract/index.js';
import type { PastSpan, Span, SpanFields, SpanName, SpanOptions, SpanRecorder } from '../../runtime/index.js';
import { attributesOf } from './attributes.js';

/** The ids that spans within a span have too. */
const IDS = createContextKey('akosha.ids');
type Ids = Pick<SpanFields, 'systemId' | 'uploadId' | 'workflowId' | 'runId'>;

/** Our spans, by OpenTelemetry. */
export class Recorder implements SpanRecorder {
  readonly #tracer: Tracer;

  constructor(tracer: Tracer) {
    this.#tracer = tracer;
  }

  async run<T>(name: SpanName, options: SpanOptions, work: (span: Span) => Promise<T>): Promise<T> {
    const { span, within } = this.#start(name, options);
    try {
      return await context.with(within, () =>
        work({ set: (fields) => void span.setAttributes(attributesOf(fields)) }),
      );
    } catch (error) {
      span.setAttributes(attributesOf({ errorType: errorTypeOf(error) }));
      span.setStatus({ code: SpanStatusCode.ERROR });
      throw error;
    } finally {
      span.end();
    }
  }

  past(name: SpanName, { startedAt, endedAt, ...options }: PastSpan, work?: () => void): void {
    const { span, within } = this.#start(name, options, { startTime: startedAt });
    if (options.fields?.errorType !== undefined) span.setStatus({ code: SpanStatusCode.ERROR });
    if (work !== undefined) context.with(within, work);
    span.end(endedAt);
  }

  note(fields: SpanFields): void {
    trace.getActiveSpan()?.setAttributes(attributesOf(fields));
  }

  traceparent(): string | undefined {
    const active = trace.getActiveSpan()?.spanContext();
    if (active === undefined || !isSpanContextValid(active)) return undefined;
    const { traceId, spanId, traceFlags } = active;
    return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`;
  }

  #start(
    name: SpanName,
    { fields = {}, continues }: SpanOptions,
    more: OtelOptions = {},
  ): { span: OtelSpan; within: Context } {
    const around = context.active();
    const inherited = around.getValue(IDS) as Ids | undefined;
    const all = { ...inherited, ...defined(fields) };
    const { parent, links } = parentOf(around, continues);
    const span = this.#tracer.startSpan(name, { ...more, links, attributes: attributesOf(all) }, parent);
    const { systemId, uploadId, workflowId, runId } = all;
    const ids: Ids = { systemId, uploadId, workflowId, runId };
    return { span, within: trace.setSpan(parent, span).setValue(IDS, ids) };
  }
}

/** See `SpanOptions.continues`. */
function parentOf(
  around: Context,
  continues: SpanOptions['continues'],
): { parent: Context; links: { context: SpanContext }[] } {
  const origin = continues === undefined || continues === null ? null : parseTraceParent(continues);
  const active = trace.getSpanContext(around);
  if (origin === null || origin.traceId === active?.traceId) return { parent: around, links: [] };
  const parent = trace.setSpanContext(around, { ...origin, isRemote: true });
  return { parent, links: active !== undefined && isSpanContextValid(active) ? [{ context: active }] : [] };
}

function defined(fields: SpanFields): SpanFields {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

function errorTypeOf(error: unknown): string {
  if (isAkoshaError(error)) return error.type;
  return error instanceof Error ? error.name : typeof error;
}

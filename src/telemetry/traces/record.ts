import { context, propagation, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { envDetectorSync, Resource } from '@opentelemetry/resources';
import {
  BasicTracerProvider,
  BatchSpanProcessor,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
} from '@opentelemetry/sdk-trace-base';
import { messageOf } from '../../contract/index.js';
import { recordSpansWith } from '../../runtime/index.js';
import type { TraceOptions, Traces } from '../traces.js';
import { CleanExporter } from './clean-exporter.js';
import { Recorder } from './recorder.js';

/**
 * A collector stands near by and answers in milliseconds. Also the longest that an end of the process waits for it: with
 * `shutdown_force_seconds` it stays under the 30 s after which most supervisors kill.
 */
const EXPORT_MS = 2_000;

/** Some megabytes of spans at most; beyond it the newest are dropped, and the work goes on. An ingest has a dozen. */
const WAITING_SPANS = 4_096;
/** The SDK's own. */
const SPANS_AT_ONCE = 512;

/** So that it is the exporter that gives up first, and says why. */
const GIVE_UP_MS = EXPORT_MS + 500;

/** Sets OpenTelemetry up for the process. Called once, by `startTraces`. */
export function recordTraces(options: TraceOptions & { endpoint: string }): Traces {
  const { endpoint, sampleRatio, service, version, log } = options;
  const exporter = new CleanExporter(new OTLPTraceExporter({ url: endpoint, timeoutMillis: EXPORT_MS }), log);
  const processor = new BatchSpanProcessor(exporter, {
    maxQueueSize: WAITING_SPANS,
    maxExportBatchSize: SPANS_AT_ONCE,
    exportTimeoutMillis: GIVE_UP_MS,
  });
  // What the operator's environment says of the service (`OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES`) wins.
  const resource = new Resource({ 'service.name': service, 'service.version': version }).merge(
    envDetectorSync.detect(),
  );
  const provider = new BasicTracerProvider({
    resource,
    sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(sampleRatio) }),
    spanProcessors: [processor],
  });
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
  trace.setGlobalTracerProvider(provider);
  recordSpansWith(new Recorder(provider.getTracer('akosha', version)));
  return {
    temporal: async () => {
      const { temporalTraces } = await import('./temporal.js');
      return temporalTraces({ tracer: provider.getTracer('temporal'), processor, resource });
    },
    stop: async () => {
      recordSpansWith(undefined);
      await provider.shutdown().catch((error: unknown) => {
        log.warn({ reason: messageOf(error) }, 'the last spans were not sent');
      });
    },
  };
}

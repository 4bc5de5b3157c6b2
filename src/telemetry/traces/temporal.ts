import { trace, type Tracer } from '@opentelemetry/api';
import type { Resource } from '@opentelemetry/resources';
import type { SpanProcessor } from '@opentelemetry/sdk-trace-base';
import type { WorkflowClientInterceptor } from '@temporalio/client';
import { OpenTelemetryWorkflowClientInterceptor } from '@temporalio/interceptors-opentelemetry/lib/client/index.js';
import { TRACE_HEADER } from '@temporalio/interceptors-opentelemetry/lib/instrumentation.js';
import {
  makeWorkflowExporter,
  OpenTelemetryActivityInboundInterceptor,
} from '@temporalio/interceptors-opentelemetry/lib/worker/index.js';
import type { ActivityInboundCallsInterceptor } from '@temporalio/worker';
import type { TemporalTraces } from '../traces.js';

export interface TemporalParts {
  tracer: Tracer;
  /** Takes the spans of workflows, which are made in their sandbox. */
  processor: SpanProcessor;
  resource: Resource;
}

/** Temporal's own interceptors, as far as they serve the way of an upload. */
export function temporalTraces({ tracer, processor, resource }: TemporalParts): TemporalTraces {
  return {
    client: withinTrace(new OpenTelemetryWorkflowClientInterceptor({ tracer })),
    activity: (context) => ({
      inbound: ofTrace(new OpenTelemetryActivityInboundInterceptor(context, { tracer })),
    }),
    sinks: { exporter: makeWorkflowExporter(processor, resource) },
  };
}

/** A start or signal within no span, such as that of a check for idle systems, begins no trace: there would be thousands of a single span. */
function withinTrace(theirs: OpenTelemetryWorkflowClientInterceptor): WorkflowClientInterceptor {
  const isTraced = (): boolean => trace.getActiveSpan() !== undefined;
  return {
    startWithDetails: (input, next) => (isTraced() ? theirs.startWithDetails(input, next) : next(input)),
    signalWithStart: (input, next) => (isTraced() ? theirs.signalWithStart(input, next) : next(input)),
  };
}

/** An activity of a run that was begun within no span begins none either; what it does for an upload goes on with the upload's own trace. */
function ofTrace(theirs: OpenTelemetryActivityInboundInterceptor): ActivityInboundCallsInterceptor {
  return {
    execute: (input, next) =>
      input.headers[TRACE_HEADER] === undefined ? next(input) : theirs.execute(input, next),
  };
}

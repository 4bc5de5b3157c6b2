// No workflow: what the worker's bundle has beside them where spans are recorded. See scripts/bundle-workflows.mjs.
import {
  OpenTelemetryInboundInterceptor,
  OpenTelemetryInternalsInterceptor,
  OpenTelemetryOutboundInterceptor,
} from '@temporalio/interceptors-opentelemetry/lib/workflow/index.js';
import { getRandomStream, type WorkflowInterceptorsFactory } from '@temporalio/workflow';

/** Under which Temporal's interceptors send the trace. */
const TRACE_HEADER = '_tracer-data';

/**
 * Makes spans of a run that was begun within a trace, of its steps, and of what it goes on as; and carries the trace to its activities.
 *
 * Whether it does is said by the header that the run began with, which stands in its history: so a run takes the same path in every replay, whoever
 * has spans recorded by then, and one that began without takes none of this path. The spans' ids come from a random stream of their own: from the
 * workflow's they would take numbers away, and with them change the ids of its uploads.
 */
export const interceptors: WorkflowInterceptorsFactory = () => {
  let outbound: OpenTelemetryOutboundInterceptor | undefined;
  return {
    inbound: [
      {
        execute: (input, next) => {
          if (input.headers[TRACE_HEADER] === undefined) return next(input);
          outbound = new OpenTelemetryOutboundInterceptor();
          const inbound = new OpenTelemetryInboundInterceptor();
          return withOwnIds(() => inbound.execute(input, next));
        },
      },
    ],
    outbound: [
      {
        scheduleActivity: (input, next) => {
          const traced = outbound;
          return traced === undefined ? next(input) : withOwnIds(() => traced.scheduleActivity(input, next));
        },
        continueAsNew: (input, next) => {
          const traced = outbound;
          return traced === undefined ? next(input) : withOwnIds(() => traced.continueAsNew(input, next));
        },
      },
    ],
    internals: [
      {
        dispose: (input, next) => {
          if (outbound === undefined) next(input);
          else void new OpenTelemetryInternalsInterceptor().dispose(input, next);
        },
      },
    ],
  };
};

function withOwnIds<T>(work: () => T): T {
  return getRandomStream('akosha.traces').with(work);
}

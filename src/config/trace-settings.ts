import { setting } from './details.js';
import { given, type Host } from './host.js';
import * as shape from './shapes.js';
import { isExposed } from './upload-rules.js';

/** Where spans go. */
export const TRACE_SETTINGS = {
  tracesEndpoint: setting(shape.webAddress().optional(), {
    group: 'Traces',
    rule: 'an http:// or https:// address without user, query and fragment',
    description:
      'Where spans are posted: the address of an OpenTelemetry collector for traces, OTLP over HTTP as JSON. Absent, nothing is recorded. Headers, such as a collector’s token, are `OTEL_EXPORTER_OTLP_HEADERS`; what is told of the process is `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES`. See docs/reference/telemetry.md.',
    initial: standardEndpoint,
    initialText:
      '`OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`, else `OTEL_EXPORTER_OTLP_ENDPOINT` with `/v1/traces` added; none where that could not be set here, or `OTEL_SDK_DISABLED` is true',
  }),
  traceSampleRatio: setting(shape.decimal(0, 1), {
    group: 'Traces',
    rule: 'a number from 0 to 1',
    description:
      'The share of the traces begun in this process that is recorded. A server goes on with what a host has begun as the host decided. All by default: a host has some syncs a day, and what a fleet of thousands sends is for its operator to cut.',
    initial: 1,
  }),
};

/**
 * As OpenTelemetry's specification has it: the address for traces is taken as it is, the general one is a base. Both may be meant for other programs of
 * the machine, so what could not be a setting of ours is passed over: no agent is to fail for it.
 */
function standardEndpoint({ env }: Host): string | undefined {
  if (env['OTEL_SDK_DISABLED']?.trim().toLowerCase() === 'true') return undefined;
  const base = given(env['OTEL_EXPORTER_OTLP_ENDPOINT'])?.trim().replace(/\/+$/, '');
  const address =
    given(env['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'])?.trim() ??
    (base === undefined ? undefined : `${base}/v1/traces`);
  return shape.webAddress().safeParse(address).success && !isExposed(address) ? address : undefined;
}

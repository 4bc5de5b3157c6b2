import { describe, expect, it } from 'vitest';
import { faultsOf, load, useEmptyHost } from './support.js';

useEmptyHost();

const endpoint = (env: Record<string, string>): string | undefined => load(env).settings.tracesEndpoint;

describe('where spans go', () => {
  it('is nowhere by default', () => {
    expect(endpoint({})).toBeUndefined();
  });

  it('is as OpenTelemetry’s own variables say, and before them as ours does', () => {
    const OTEL_EXPORTER_OTLP_ENDPOINT = 'http://127.0.0.1:4318/';
    const OTEL_EXPORTER_OTLP_TRACES_ENDPOINT = 'https://traces.example.org/intake';
    expect(endpoint({ OTEL_EXPORTER_OTLP_ENDPOINT })).toBe('http://127.0.0.1:4318/v1/traces');
    const both = { OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT };
    expect(endpoint(both)).toBe('https://traces.example.org/intake');
    const AKOSHA_TRACES_ENDPOINT = 'https://other.example.org/v1/traces';
    expect(endpoint({ ...both, AKOSHA_TRACES_ENDPOINT })).toBe(AKOSHA_TRACES_ENDPOINT);
    expect(endpoint({ ...both, OTEL_SDK_DISABLED: 'true' })).toBeUndefined();
  });

  it.each(['collector:4317', 'http://collector.example.org:4318', 'nonsense'])(
    'is not %s, where that is meant for other programs',
    (address) => {
      expect(endpoint({ OTEL_EXPORTER_OTLP_ENDPOINT: address })).toBeUndefined();
      expect(faultsOf({ AKOSHA_TRACES_ENDPOINT: address })).toHaveProperty('traces_endpoint');
    },
  );
});

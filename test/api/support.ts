import { Writable } from 'node:stream';
import { onTestFinished } from 'vitest';
import { startApi, type ApiOptions, type ApiServices, type RunningApi } from '../../src/api/index.js';
import { createLog, createMetrics, type Metrics } from '../../src/telemetry/index.js';

export interface TestApi extends RunningApi {
  metrics: Metrics;
  /** Everything logged so far. */
  logged(): string;
  get(path: string, headers?: Record<string, string>): Promise<Response>;
  post(path: string, body?: unknown, headers?: Record<string, string>): Promise<Response>;
}

const notAsked = (): never => {
  throw new Error('this test does not ask for it');
};

/** What lies behind the API is tested elsewhere: a test gives the services it asks, to say what they answer. */
const NO_SERVICES: ApiServices = {
  search: notAsked,
  triggerIngest: notAsked,
  acceptRows: notAsked,
  takeEvents: notAsked,
  circuitBreakers: notAsked,
  shutdown: notAsked,
  status: notAsked,
  tiers: notAsked,
  tierPause: notAsked,
  pauseTiers: notAsked,
  resumeTiers: notAsked,
  forecastTransition: notAsked,
  transitionReports: notAsked,
  listMemories: notAsked,
  select: notAsked,
  describeSelection: notAsked,
  listPins: notAsked,
  pin: notAsked,
  unpin: notAsked,
  moveMemories: notAsked,
  explainMemory: notAsked,
  explainUpload: notAsked,
  getUpload: notAsked,
  listUploads: notAsked,
  retryUpload: notAsked,
  dropUpload: notAsked,
  ingestAgain: notAsked,
  previewForget: notAsked,
  forget: notAsked,
  liftForget: notAsked,
  getForget: notAsked,
  listForgets: notAsked,
  embedding: notAsked,
  reembed: notAsked,
  repairStatus: notAsked,
  repair: notAsked,
  scrubStatus: notAsked,
  scrub: notAsked,
  releaseScrub: notAsked,
  drillStatus: notAsked,
  drill: notAsked,
  readiness: notAsked,
};

/** A server on a free port, closed after the test. */
export async function serve(
  services: Partial<ApiServices> = {},
  options: Partial<Pick<ApiOptions, 'host' | 'port' | 'apiToken' | 'eventsToken'>> = {},
): Promise<TestApi> {
  const lines: string[] = [];
  const destination = new Writable({
    write(chunk, _encoding, done) {
      lines.push(String(chunk));
      done();
    },
  });
  const metrics = createMetrics();
  const api = await startApi({
    host: '127.0.0.1',
    port: 0,
    version: '1.2.3',
    log: createLog({ level: 'trace', format: 'json', destination }),
    metrics,
    services: { ...NO_SERVICES, ...services },
    ...options,
  });
  onTestFinished(() => api.close());
  return {
    ...api,
    metrics,
    logged: () => lines.join(''),
    get: (path, headers = {}) => fetch(api.url + path, { headers }),
    post: (path, body, headers = {}) =>
      fetch(api.url + path, {
        method: 'POST',
        ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
        headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      }),
  };
}

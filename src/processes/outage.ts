import { hostname } from 'node:os';
import path from 'node:path';
import { OutageWatch, type AlertSettings } from '../bootstrap/index.js';
import type { AkoshaClient } from '../client/index.js';
import type { Settings } from '../config/index.js';
import type { UploadRef } from '../contract/index.js';
import type { IngestContext } from '../ingest/index.js';
import type { MemoryStore, UploadRecord } from '../store/index.js';
import { sampleMetrics, type Logger, type Metrics } from '../telemetry/index.js';
import { countWork } from './activity-metrics.js';
import type { ServerParts } from './server-parts.js';

/** What watches over Temporal, and does a server's work where it is away. */
export function openOutageWatch(
  { settings, log, metrics }: { settings: Settings; log: Logger; metrics: Metrics },
  { ingest, maintenance, clock }: ServerParts,
  client: AkoshaClient,
): Promise<OutageWatch> {
  const counts = countWork(metrics);
  return OutageWatch.open({
    client,
    folder: path.join(settings.dataDir, 'outage'),
    awayMs: settings.outageDetectionSeconds * 1000,
    limits: {
      graceMs: settings.shutdownGraceSeconds * 1000,
      forceMs: settings.shutdownForceSeconds * 1000,
    },
    work: {
      ingest,
      maintenance,
      clock,
      concurrency: settings.ingestConcurrency,
      now: Date.now,
      onIngested: (...args) => counts.ingested(...args),
      onMoved: (...args) => counts.moved(...args),
      onSwept: (...args) => counts.swept(...args),
    },
    sample: () => sampleMetrics(metrics),
    onBootstrap: (on) => metrics.bootstrapMode.set(on ? 1 : 0),
    alert: alertSettings(settings),
    log: log.child({ part: 'outage' }),
  });
}

/** Tells ingest of systems, by Temporal or, in an outage, by the runner: a request to Temporal would be tried again for ten seconds. */
export function tellWhoeverIngests(
  client: Pick<AkoshaClient, 'nudgeIngest'>,
  outage: Pick<OutageWatch, 'wake'>,
  { traces, store }: Pick<IngestContext, 'traces'> & { store: Pick<MemoryStore, 'nextUpload'> },
): Pick<AkoshaClient, 'nudgeIngest'> {
  return {
    nudgeIngest: async (systemIds, options) => {
      if (outage.wake()) return;
      await client.nudgeIngest(systemIds, {
        traceparentOf: (systemId) => traces?.takeOfSystem(systemId),
        nextOf: async (systemId) => refOf(await store.nextUpload(systemId)),
        ...options,
      });
    },
  };
}

function refOf(record: UploadRecord | undefined): UploadRef | undefined {
  return record === undefined ? undefined : { systemId: record.systemId, uploadId: record.uploadId };
}

function alertSettings(settings: Settings): AlertSettings {
  const { alertWebhookUrl: url, alertWebhookSecret: secret, pagerdutyUrl, pagerdutyRoutingKey } = settings;
  return {
    source: hostname(),
    ...(url === undefined || secret === undefined ? {} : { webhook: { url, secret } }),
    ...(pagerdutyRoutingKey === undefined
      ? {}
      : { pagerDuty: { url: pagerdutyUrl, routingKey: pagerdutyRoutingKey } }),
  };
}

import { Counter, Gauge, Histogram } from 'prom-client';
import type { MetricsTarget } from './metrics.js';

/** Seconds. From a few rows over a good line to a large database over a bad one, or a night without any. */
const SYNC_BUCKETS = [1, 2.5, 5, 10, 30, 60, 180, 600, 1_800, 3_600, 21_600, 86_400];

/** A sync of this host that has ended. */
interface EndedSync {
  outcome: string;
  method: string;
  bytes: number;
  seconds: number;
}

/** What is told of a host's syncs whenever somebody asks. */
interface SyncSource {
  /** Those that have ended since the last call, in whatever process. */
  takeEnded(): readonly EndedSync[];
  /** `oldestAgeSeconds` is 0 where nothing waits; times are seconds since 1970. */
  standing(): { requests: number; uploads: number; oldestAgeSeconds: number; lastSuccessAt: number | null };
}

/** Adds a host's syncs to the metrics of its process; they are read from its outbox whenever somebody asks. */
export function observeSyncs({ registry }: MetricsTarget, source: SyncSource): void {
  const registers = [registry];
  /** Each metric brings all up to date before it is told, so none depends on the order in which they are. */
  const refresh = (): void => {
    for (const { outcome, method, bytes, seconds } of source.takeEnded()) {
      syncs.inc({ outcome, method });
      sent.inc({ method }, bytes);
      duration.observe({ outcome }, seconds);
    }
  };
  const syncs = new Counter({
    name: 'akosha_sync_total',
    help: 'Syncs of this host that ended, by how: delivered, unchanged, failed or cancelled; method is none where nothing was sent.',
    labelNames: ['outcome', 'method'],
    registers,
    collect: refresh,
  });
  const sent = new Counter({
    name: 'akosha_sync_bytes_total',
    help: 'Bytes that went out for them.',
    labelNames: ['method'],
    registers,
    collect: refresh,
  });
  const duration = new Histogram({
    name: 'akosha_sync_duration_seconds',
    help: 'From the first request for a sync to its end, waits for the network included.',
    labelNames: ['outcome'],
    buckets: SYNC_BUCKETS,
    registers,
    collect: refresh,
  });
  new Gauge({
    name: 'akosha_sync_last_success_timestamp_seconds',
    help: 'When a sync last ended with everything delivered; 0 where none is remembered.',
    registers,
    collect() {
      this.set(source.standing().lastSuccessAt ?? 0);
    },
  });
  new Gauge({
    name: 'akosha_outbox_pending',
    help: 'What waits on this host: requests that no snapshot has taken up, and uploads.',
    labelNames: ['what'],
    registers,
    collect() {
      const { requests, uploads } = source.standing();
      this.set({ what: 'requests' }, requests);
      this.set({ what: 'uploads' }, uploads);
    },
  });
  new Gauge({
    name: 'akosha_outbox_oldest_age_seconds',
    help: 'How long the oldest of them has waited; 0 where none does.',
    registers,
    collect() {
      this.set(source.standing().oldestAgeSeconds);
    },
  });
}

/** Counts tries at notices: sent, failed, given_up. */
export function countNotices({ registry }: MetricsTarget): (outcome: string) => void {
  const notices = new Counter({
    name: 'akosha_webhook_total',
    help: 'Tries at telling the webhook of a sync’s end, by how they ended: sent, failed, or given_up after a day.',
    labelNames: ['outcome'],
    registers: [registry],
  });
  return (outcome) => notices.inc({ outcome });
}

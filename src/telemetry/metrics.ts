import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

/** Seconds. From an upload of a few rows to a whole database over a slow line. */
const INGEST_BUCKETS = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 180, 600];

/** Seconds. Fine around a few milliseconds, where a search is when all is well, and up to its time limit. */
const SEARCH_BUCKETS = [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30];

export type Metrics = ReturnType<typeof createMetrics>;

/** Where parts of a process add metrics of their own. */
export type MetricsTarget = Pick<Metrics, 'registry'>;

/** Without any metric: for a process that is no server. */
export function createRegistry(): Registry {
  return new Registry();
}

/**
 * Every metric of the program, in one table, on a registry of its own: two servers in one process (as in tests) do not
 * add up. A label has few values; no ids, because each value is a series that Prometheus keeps.
 */
export function createMetrics() {
  const registry = new Registry();
  const registers = [registry];
  return {
    registry,
    ingestionBacklog: new Gauge({
      name: 'akosha_ingestion_backlog_count',
      help: 'Uploads found, by the inbox or by the last walk, and not yet ingested, as of the last poll; those that a burst has left in the inbox are among them.',
      registers,
    }),
    oldestUploadAge: new Gauge({
      name: 'akosha_ingestion_oldest_upload_age_seconds',
      help: 'How long the upload that waits longest has been in the queue, since it was found or taken from quarantine, or in the inbox, by the clock of the server; 0 where none waits.',
      registers,
    }),
    quarantinedUploads: new Gauge({
      name: 'akosha_quarantine_uploads',
      help: 'Uploads that could not be read and wait for a person.',
      registers,
    }),
    ingestionEvents: new Counter({
      name: 'akosha_ingestion_events_total',
      help: 'Announced uploads, by who announced them and whether they were added to the queue, known before, refused because another upload has their id, or left to be announced again; and messages that announced none (ignored) or were in no known form (unreadable).',
      labelNames: ['source', 'result'],
      registers,
    }),
    ingestionQueueMessages: new Gauge({
      name: 'akosha_ingestion_queue_messages',
      help: 'About how many messages wait in the queue of events, and in its dead-letter queue.',
      labelNames: ['queue'],
      registers,
    }),
    ingestionQueueUp: new Gauge({
      name: 'akosha_ingestion_queue_up',
      help: 'Whether the queue of events answers: 1 it does; 0 it does not, or is not set, and uploads are found by polling alone.',
      registers,
    }),
    ingestedUploads: new Counter({
      name: 'akosha_ingested_uploads_total',
      help: 'Uploads whose ingest ended, by how it ended; kept: one could not be ingested again and stays as it was.',
      labelNames: ['status'],
      registers,
    }),
    deletedUploads: new Counter({
      name: 'akosha_deleted_uploads_total',
      help: 'Uploads whose raw files were deleted because their days were over; one that is kept for its number counts again when that goes.',
      registers,
    }),
    expiredMemories: new Counter({
      name: 'akosha_expired_memories_total',
      help: 'Memories that are gone because they were older than memories are kept.',
      registers,
    }),
    skippedNames: new Gauge({
      name: 'akosha_skipped_names_count',
      help: 'Names that the last look at a prefix of object storage found to be no upload’s; the log names them.',
      labelNames: ['prefix'],
      registers,
    }),
    ingestedRows: new Counter({
      name: 'akosha_ingested_rows_total',
      help: 'Rows of ingested uploads, by what became of them: new, changed, unchanged, refused, superseded, absent, deleted or expired.',
      labelNames: ['result'],
      registers,
    }),
    ingestDuration: new Histogram({
      name: 'akosha_ingest_duration_seconds',
      help: 'From the start of an ingest to its commit.',
      buckets: INGEST_BUCKETS,
      registers,
    }),
    scheduleMissed: new Counter({
      name: 'akosha_schedule_missed_total',
      help: 'Runs of a schedule that never were, because Temporal was away longer than their catch-up window.',
      labelNames: ['schedule'],
      registers,
    }),
    scheduleSkipped: new Counter({
      name: 'akosha_schedule_skipped_total',
      help: 'Runs of a schedule that never were, because the one before was still under way.',
      labelNames: ['schedule'],
      registers,
    }),
    scheduleLastRun: new Gauge({
      name: 'akosha_schedule_last_run_timestamp_seconds',
      help: 'When a schedule last started a run; 0 where it has not yet.',
      labelNames: ['schedule'],
      registers,
    }),
    bootstrapMode: new Gauge({
      name: 'akosha_bootstrap_mode',
      help: '1 while Temporal is away and the server does its work itself, else 0.',
      registers,
    }),
    tierRows: new Gauge({
      name: 'akosha_tier_rows',
      help: 'Memories in each tier.',
      labelNames: ['tier'],
      registers,
    }),
    tierDamaged: new Gauge({
      name: 'akosha_tier_damaged',
      help: '1 for a tier whose file was lost or damaged, until a repair has brought all of it back, else 0.',
      labelNames: ['tier'],
      registers,
    }),
    movedRows: new Counter({
      name: 'akosha_moved_rows_total',
      help: 'Memories moved between tiers.',
      labelNames: ['from', 'to'],
      registers,
    }),
    heldRows: new Counter({
      name: 'akosha_held_rows_total',
      help: 'Memories that a move could not take from their tier, by reason, each time they were tried.',
      labelNames: ['from', 'reason'],
      registers,
    }),
    vectorsWaiting: new Gauge({
      name: 'akosha_vectors_waiting_rows',
      help: 'Memories that wait for a vector, of the model that searches go by (current) and of the one that the store is being moved to (next), as of the last poll.',
      labelNames: ['model'],
      registers,
    }),
    vectorsMade: new Counter({
      name: 'akosha_vectors_made_total',
      help: 'Texts of memories that the server made vectors of (made), or could make none of (failed).',
      labelNames: ['result'],
      registers,
    }),
    vectorIndexRows: new Gauge({
      name: 'akosha_vector_index_rows',
      help: 'Memories in the vector index, as of the last poll; with a second index, while the store is moved to another model, those of both.',
      registers,
    }),
    vectorIndexBehind: new Gauge({
      name: 'akosha_vector_index_behind_changes',
      help: 'Changes of memories that the vector index has still to follow.',
      registers,
    }),
    vectorIndexWaiting: new Gauge({
      name: 'akosha_vector_index_waiting_rows',
      help: 'Memories in the vector index that its graph does not hold yet: a search compares with each of them.',
      registers,
    }),
    vectorIndexBytes: new Gauge({
      name: 'akosha_vector_index_memory_bytes',
      help: 'Memory that the vector index takes, about.',
      registers,
    }),
    vectorIndexReady: new Gauge({
      name: 'akosha_vector_index_ready',
      help: '1 where searches go by the vector index; 0 where they compare with every vector, because it is being made, off, out of room or failed.',
      registers,
    }),
    swept: new Counter({
      name: 'akosha_swept_total',
      help: 'Garbage removed: rows and objects that no placement names.',
      labelNames: ['what'],
      registers,
    }),
    backupTime: new Gauge({
      name: 'akosha_backup_timestamp_seconds',
      help: 'When all that object storage does not tell by itself was last known to stand in a backup, in seconds since 1970; until the first look, when the server started.',
      registers,
    }),
    backupOk: new Gauge({
      name: 'akosha_backup_ok',
      help: 'Whether the last look found a backup whole or made one (1), or failed (0).',
      registers,
    }),
    scrubFindings: new Gauge({
      name: 'akosha_scrub_findings',
      help: 'What scrubs found that is not as it should be, by kind, until a person releases it; above 0 nothing is moved or deleted.',
      labelNames: ['kind'],
      registers,
    }),
    scrubEnd: new Gauge({
      name: 'akosha_scrub_last_end_timestamp_seconds',
      help: 'When the last scrub that came to its end did so, in seconds since 1970; 0 where none has yet.',
      registers,
    }),
    scrubOk: new Gauge({
      name: 'akosha_scrub_ok',
      help: 'Whether the last scrub found everything as it should be (1), or not (0); 1 until the first.',
      registers,
    }),
    drillOk: new Gauge({
      name: 'akosha_restore_drill_ok',
      help: 'Whether the last restore drill rebuilt the store from object storage as it is (1), or failed (0); 1 until the first.',
      registers,
    }),
    drillEnd: new Gauge({
      name: 'akosha_restore_drill_last_end_timestamp_seconds',
      help: 'When the last restore drill came to its end, in seconds since 1970; 0 where none has yet.',
      registers,
    }),
    drillDuration: new Gauge({
      name: 'akosha_restore_drill_duration_seconds',
      help: 'How long the last restore drill took, rebuild and comparison; 0 where none has come to its end.',
      registers,
    }),
    searchDuration: new Histogram({
      name: 'akosha_search_duration_seconds',
      help: 'From a search request to its answer.',
      buckets: SEARCH_BUCKETS,
      registers,
    }),
    searchPartial: new Counter({
      name: 'akosha_search_partial_total',
      help: 'Searches answered without a tier, by the tier that did not answer.',
      labelNames: ['tier'],
      registers,
    }),
    objectListRequests: new Counter({
      name: 'akosha_object_list_requests_total',
      help: 'List requests to object storage, repeated ones too, by what they are for: inbox, walk, order, sweep, open, multipart, check or other.',
      labelNames: ['purpose'],
      registers,
    }),
    objectErrors: new Counter({
      name: 'akosha_object_errors_total',
      help: 'Failed requests to object storage, by type of error.',
      labelNames: ['type'],
      registers,
    }),
    httpRequests: new Counter({
      name: 'akosha_http_requests_total',
      help: 'HTTP requests answered, by route pattern.',
      labelNames: ['route', 'method', 'status'],
      registers,
    }),
  };
}

/**
 * Adds memory, garbage collection and event-loop delay of this process. Once for a process: each call starts observers
 * of its own, which last as long as the process.
 */
export function observeProcess(metrics: MetricsTarget): void {
  collectDefaultMetrics({ register: metrics.registry });
}

/** The metrics in Prometheus's text format, and the content type to send them with. */
export async function renderMetrics(metrics: MetricsTarget): Promise<{ contentType: string; body: string }> {
  return { contentType: metrics.registry.contentType, body: await metrics.registry.metrics() };
}

/** The values of its gauges and counters now, each by its name and labels as in the text format. */
export async function sampleMetrics({ registry }: Metrics): Promise<Record<string, number>> {
  const sample: Record<string, number> = {};
  for (const { name, type, values } of await registry.getMetricsAsJSON()) {
    // A histogram is many values, and says what the counters say.
    if (String(type) !== 'gauge' && String(type) !== 'counter') continue;
    for (const { value, labels } of values) {
      // An average of nothing, which JSON has no word for.
      if (!Number.isFinite(value)) continue;
      const pairs = Object.entries(labels).map(([key, text]) => `${key}="${String(text)}"`);
      sample[pairs.length === 0 ? name : `${name}{${pairs.join(',')}}`] = value;
    }
  }
  return sample;
}

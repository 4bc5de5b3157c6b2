import { describe, expect, it } from 'vitest';
import { createMetrics, observeProcess, renderMetrics } from '../../src/telemetry/index.js';

const NAMES = [
  'akosha_ingestion_backlog_count',
  'akosha_ingestion_oldest_upload_age_seconds',
  'akosha_quarantine_uploads',
  'akosha_ingestion_events_total',
  'akosha_ingestion_queue_messages',
  'akosha_ingestion_queue_up',
  'akosha_ingested_uploads_total',
  'akosha_deleted_uploads_total',
  'akosha_expired_memories_total',
  'akosha_skipped_names_count',
  'akosha_ingested_rows_total',
  'akosha_ingest_duration_seconds',
  'akosha_schedule_missed_total',
  'akosha_schedule_skipped_total',
  'akosha_schedule_last_run_timestamp_seconds',
  'akosha_bootstrap_mode',
  'akosha_tier_rows',
  'akosha_tier_damaged',
  'akosha_moved_rows_total',
  'akosha_held_rows_total',
  'akosha_vectors_waiting_rows',
  'akosha_vectors_made_total',
  'akosha_vector_index_rows',
  'akosha_vector_index_behind_changes',
  'akosha_vector_index_waiting_rows',
  'akosha_vector_index_memory_bytes',
  'akosha_vector_index_ready',
  'akosha_swept_total',
  'akosha_backup_timestamp_seconds',
  'akosha_backup_ok',
  'akosha_scrub_findings',
  'akosha_scrub_last_end_timestamp_seconds',
  'akosha_scrub_ok',
  'akosha_restore_drill_ok',
  'akosha_restore_drill_last_end_timestamp_seconds',
  'akosha_restore_drill_duration_seconds',
  'akosha_search_duration_seconds',
  'akosha_search_partial_total',
  'akosha_object_list_requests_total',
  'akosha_object_errors_total',
  'akosha_http_requests_total',
];

describe('metrics', () => {
  it('are the ones that dashboards and alerts know, each with help', async () => {
    const { contentType, body } = await renderMetrics(createMetrics());
    expect(contentType).toContain('text/plain');
    expect([...body.matchAll(/^# HELP (\S+) \S/gm)].map(([, name]) => name)).toEqual(NAMES);
  });

  it('count by their labels', async () => {
    const metrics = createMetrics();
    metrics.ingestedUploads.inc({ status: 'ingested' }, 2);
    metrics.tierRows.set({ tier: 'cold' }, 7);
    metrics.movedRows.inc({ from: 'hot', to: 'warm' }, 3);
    metrics.httpRequests.inc({ route: '/api/v1/search', method: 'POST', status: 200 });
    metrics.searchDuration.observe(0.004);
    const { body } = await renderMetrics(metrics);
    expect(body).toContain('akosha_ingested_uploads_total{status="ingested"} 2\n');
    expect(body).toContain('akosha_tier_rows{tier="cold"} 7\n');
    expect(body).toContain('akosha_moved_rows_total{from="hot",to="warm"} 3\n');
    expect(body).toContain(
      'akosha_http_requests_total{route="/api/v1/search",method="POST",status="200"} 1\n',
    );
    expect(body).toContain('akosha_search_duration_seconds_bucket{le="0.002"} 0\n');
    expect(body).toContain('akosha_search_duration_seconds_bucket{le="0.005"} 1\n');
  });

  it('of two servers in one process do not add up', async () => {
    const [first, second] = [createMetrics(), createMetrics()];
    first.searchPartial.inc({ tier: 'cold' }, 5);
    expect((await renderMetrics(second)).body).not.toContain('akosha_search_partial_total{');
  });

  it('hold the process’s own where asked to', async () => {
    const metrics = createMetrics();
    observeProcess(metrics);
    expect((await renderMetrics(metrics)).body).toMatch(/^nodejs_eventloop_lag_seconds /m);
  });
});

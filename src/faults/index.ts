import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { z } from 'zod';

const ServerRecord = z.object({ servers: z.array(z.object({ name: z.string(), pid: z.number() })) });

/**
 * Named places where a crash is most telling. With `AKOSHA_FAIL_POINT=<name>[:<hit>]` in the environment the process kills
 * itself there (SIGKILL: no handler runs, nothing is flushed) on that hit, the first by default; several points are separated by
 * commas. With `AKOSHA_FAIL_RECORD`, a file, each name is written there as it strikes, and one that stands there strikes no more: so a
 * program that is started again and again, and its child processes, die at each point once. Otherwise a call costs one look-up. The
 * fault tests exercise every name; one that is never reached fails them.
 */
export const FAIL_POINTS = [
  // Upload, in the agent.
  'upload.after-claim',
  'upload.after-copy',
  'upload.after-fold',
  'upload.after-snapshot',
  'upload.after-files-commit',
  'upload.before-files',
  'upload.after-first-file',
  'upload.after-files',
  'upload.after-manifest',
  'upload.after-inbox',
  'upload.after-delivered',
  'upload.after-outbox',
  // Ingest, in the server.
  'ingest.after-register',
  'ingest.after-download',
  'ingest.after-export',
  'ingest.after-open',
  'ingest.after-hot-insert',
  'ingest.after-insert',
  'ingest.after-journal-put',
  'ingest.before-commit',
  'ingest.after-commit',
  'ingest.after-receipt-put',
  'ingest.after-receipted',
  'ingest.after-inbox-delete',
  'ingest.after-done',
  // A person's decision about an upload in quarantine, in the server.
  'retry.after-receipt-delete',
  'retry.after-requeue',
  'drop.after-receipt-delete',
  'drop.after-ledger',
  // An upload that is ingested a second time, in the server.
  'again.after-request',
  'again.after-commit',
  // Transition, in the server.
  'move.after-open',
  'move.after-insert',
  'move.before-commit',
  'move.after-commit',
  'thaw.after-open',
  'thaw.after-insert',
  'thaw.before-commit',
  'thaw.after-commit',
  'cold.after-open',
  'cold.after-write',
  'cold.after-put',
  'cold.before-commit',
  'cold.after-commit',
  'compact.after-open',
  'compact.after-write',
  'compact.after-put',
  'compact.before-commit',
  'compact.after-commit',
  'sweep.after-choice',
  'sweep.after-rows',
  'sweep.after-objects',
  'sweep.after-drop',
  // Forget, in the server.
  'forget.after-tombstone-object',
  'forget.after-tombstone',
  'forget.after-pending',
  'forget.after-raw-manifest',
  'forget.after-raw',
  'forget.after-rows',
  'forget.after-rewrite-put',
  'forget.before-rewrite-commit',
  'forget.after-rewrite-commit',
  'forget.after-object-delete',
  'forget.before-receipt',
  'forget.after-receipt-put',
  'forget.after-receipt',
  'lift.after-object',
  'lift.after-row',
  // Retention of raw uploads, in the server.
  'retention.after-ledger',
  'retention.after-manifest',
  'retention.after-files',
  'retention.after-receipt',
  'retention.after-end',
  // Memories that are older than they are kept, in the server.
  'expire.after-object',
  'expire.after-begin',
  'expire.after-batch',
  'expire.after-receipt',
  'expire.after-end',
  // Backup of what object storage does not tell, in the server.
  'backup.after-write',
  'backup.after-put',
  'backup.after-pointer',
  'backup.after-saved',
  'backup.after-prune',
  // Rebuild of the store from object storage.
  'rebuild.after-begin',
  'rebuild.after-tombstones',
  'rebuild.after-backup',
  'rebuild.after-uploads',
  'rebuild.after-ledger',
  'rebuild.after-queue',
  'rebuild.after-rows',
  'rebuild.after-place',
  'rebuild.before-finish',
  'rebuild.after-finish',
  // The file of a vector index, in the server.
  'index.after-graph',
  'index.before-rename',
  'index.after-rename',
  // Repair of a tier whose file was lost, in the server.
  'repair.after-set-aside',
  'repair.after-open',
  'repair.after-insert',
  'repair.before-commit',
  'repair.after-commit',
  // Outage of Temporal, in the server.
  'outage.after-begin',
  'outage.after-alert',
  'outage.after-end',
  'outage.after-replay',
] as const;

export type FailPoint = (typeof FAIL_POINTS)[number];

const strikes = new Map<string, number>();
for (const target of (process.env['AKOSHA_FAIL_POINT'] ?? '').split(',')) {
  const [name = '', hit = '1'] = target.split(':');
  strikes.set(name, Number(hit));
}

export function failPoint(name: FailPoint): void {
  const hits = strikes.get(name);
  if (hits === undefined) return;
  strikes.set(name, hits - 1);
  if (hits === 1 && isFirst(name)) strike();
}

function isFirst(name: FailPoint): boolean {
  const record = process.env['AKOSHA_FAIL_RECORD'];
  if (record === undefined) return true;
  const struck = existsSync(record) ? readFileSync(record, 'utf8').split('\n') : [];
  if (struck.includes(name)) return false;
  appendFileSync(record, `${name}\n`);
  return true;
}

/**
 * With `AKOSHA_FAIL_SERVERS`, the record that `akosha up` keeps of its servers, the Temporal server dies instead. Where it lies dead
 * already, from a point just before, there is nothing to do.
 */
function strike(): void {
  const record = process.env['AKOSHA_FAIL_SERVERS'];
  if (record === undefined) process.kill(process.pid, 'SIGKILL');
  else killTemporal(readFileSync(record, 'utf8'));
}

function killTemporal(record: string): void {
  const { servers } = ServerRecord.parse(JSON.parse(record));
  const pid = servers.find((server) => server.name === 'temporal')?.pid;
  try {
    if (pid !== undefined) process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

import { readFileSync } from 'node:fs';

/**
 * Named places where a crash is most telling. With `AKOSHA_FAIL_POINT=<name>[:<hit>]` in the environment the process kills
 * itself there (SIGKILL: no handler runs, nothing is flushed) on that hit, the first by default. Otherwise a call costs
 * one comparison. The fault tests exercise every name; one that is never reached fails them.
 */
export const FAIL_POINTS = [
  // Upload, in the agent.
  'upload.after-copy',
  'upload.after-fold',
  'upload.after-snapshot',
  'upload.before-files',
  'upload.after-first-file',
  'upload.after-files',
  'upload.after-manifest',
  'upload.after-inbox',
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
  // Transition, in the server.
  'move.after-open',
  'move.after-insert',
  'move.before-commit',
  'move.after-commit',
  'cold.after-open',
  'cold.after-write',
  'cold.after-put',
  'cold.before-commit',
  'cold.after-commit',
  'sweep.after-choice',
  'sweep.after-rows',
  'sweep.after-objects',
  'sweep.after-drop',
] as const;

export type FailPoint = (typeof FAIL_POINTS)[number];

const [target, hit] = (process.env['AKOSHA_FAIL_POINT'] ?? '').split(':');
let remaining = Number(hit ?? 1);

export function failPoint(name: FailPoint): void {
  if (target === name && --remaining === 0) process.kill(victim(), 'SIGKILL');
}

/** With `AKOSHA_FAIL_PID_FILE` the process whose number that file holds dies instead: a server this one depends on. */
function victim(): number {
  const file = process.env['AKOSHA_FAIL_PID_FILE'];
  return file === undefined ? process.pid : Number(readFileSync(file, 'utf8'));
}

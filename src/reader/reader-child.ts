import { isAkoshaError, messageOf } from '../contract/index.js';
import { RequestSchema, type Job, type Response } from './messages.js';

/**
 * A reader process: does one job at a time for the process that forked it. Foreign files are opened here and
 * nowhere else. What a job needs is loaded with the first of its kind, so that hashing does not wait for
 * DuckDB.
 */
async function perform(job: Job): Promise<unknown> {
  switch (job.job) {
    case 'hashFile':
      return (await import('./streams.js')).hashFile(job.path);
    case 'snapshotDatabase':
      return (await import('./snapshot-job.js')).snapshotDatabase(job);
    case 'exportDatabase':
      return (await import('./export-job.js')).exportDatabase(job);
    case 'mergeExports':
      return (await import('./merge-job.js')).mergeExports(job);
  }
}

async function answer(message: unknown): Promise<Response> {
  const { id, job } = RequestSchema.parse(message);
  try {
    return { id, ok: true, result: await perform(job) };
  } catch (error) {
    const { type, details } = isAkoshaError(error) ? error : { type: 'ReaderFailed' as const, details: {} };
    return { id, ok: false, error: { type, message: messageOf(error), details } };
  }
}

process.on('message', (message) => {
  // A message that does not parse ends the process: its sender is of another version, and says so on stderr.
  void answer(message).then((response) => process.send?.(response));
});

// The parent is gone. SIGKILL, because an orderly exit would wait for a query that may run for minutes; all
// that is lost is scratch.
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));

// Ctrl+C reaches the whole process group, and systemd stops every process of a service at once. The parent,
// which drains first, decides when its readers end.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => undefined);

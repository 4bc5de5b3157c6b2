import { isAkoshaError, messageOf, withoutValues, type AkoshaError } from '../contract/index.js';
import { RequestSchema, type Begun, type Job, type Response } from './messages.js';
import { lacksResources, readerFailed } from './reader-failed.js';

/**
 * A reader process: does one job at a time for the process that forked it. Foreign files are opened here and
 * nowhere else. What a job needs is loaded with the first of its kind, so that hashing does not wait for
 * DuckDB.
 */
async function load(job: Job): Promise<() => Promise<unknown>> {
  switch (job.job) {
    case 'hashFile': {
      const { hashFile } = await import('./streams.js');
      return () => hashFile(job.path);
    }
    case 'checkPatterns': {
      const { checkPatterns } = await import('./check-patterns-job.js');
      return () => checkPatterns(job).then(() => null);
    }
    case 'assembleKept': {
      const { assembleKept } = await import('./kept-job.js');
      return () => assembleKept(job);
    }
    case 'snapshotDatabase': {
      const { snapshotDatabase } = await import('./snapshot-job.js');
      return () => snapshotDatabase(job);
    }
    case 'readDatabases': {
      const { readDatabases } = await import('./read-job.js');
      return () => readDatabases(job);
    }
    case 'buildDatabase': {
      const { buildDatabase } = await import('./build-job.js');
      return () => buildDatabase(job);
    }
    case 'packRows': {
      const { packRows } = await import('./build-job.js');
      return () => packRows(job);
    }
    case 'listRows': {
      const { listRows } = await import('./build-job.js');
      return () => listRows(job);
    }
  }
}

async function answer(message: unknown): Promise<void> {
  const { id, job } = RequestSchema.parse(message);
  try {
    const run = await load(job);
    // From here on a failure may be the file's.
    send({ id, begun: true });
    send({ id, ok: true, result: await run() });
  } catch (error) {
    const { type, message: text, details } = asAkoshaError(error);
    send({ id, ok: false, error: { type, message: text, details } });
  }
}

function asAkoshaError(error: unknown): AkoshaError {
  if (isAkoshaError(error)) return error;
  return readerFailed(withoutValues(messageOf(error)), { machine: lacksResources(error) });
}

function send(message: Begun | Response): void {
  process.send?.(message);
}

process.on('message', (message) => {
  // A message that does not parse ends the process: its sender is of another version, and says so on stderr.
  void answer(message);
});

// The parent is gone. SIGKILL, because an orderly exit would wait for a query that may run for minutes; all
// that is lost is scratch. The whole group, which the parent made for it: a program over a newer database ends too.
process.on('disconnect', () => process.kill(-process.pid, 'SIGKILL'));

// systemd stops every process of a service at once. The parent, which drains first, decides when its readers end.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => undefined);

import { AsyncLocalStorage } from 'node:async_hooks';

/** What a line of the log is about. Ids alone: what a memory says has no place in a log. */
export interface LogFields {
  systemId?: string;
  uploadId?: string;
  workflowId?: string;
  runId?: string;
  activity?: string;
}

const current = new AsyncLocalStorage<LogFields>();

/**
 * Runs `work` so that every line logged on its behalf has these fields, beside those from outside and by whomever it is written. What is begun
 * within and goes on afterwards keeps them.
 */
export function withLogFields<T>(fields: LogFields, work: () => T): T {
  return current.run({ ...current.getStore(), ...fields }, work);
}

/** The fields of whatever is being done now: an object of the caller's own. */
export function logFields(): LogFields {
  return { ...current.getStore() };
}

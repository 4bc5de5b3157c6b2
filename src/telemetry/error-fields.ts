import { isAkoshaError } from '../contract/index.js';

/** Longer chains are loops or noise. */
const MOST_CAUSES = 5;

/** What is logged of an error. `type` is the name that a runbook has a line for, where the error has one. */
export interface ErrorFields {
  type: string;
  message: string;
  stack?: string;
  /** Of Node and of the operating system: `ENOENT`, `ERR_…`. */
  code?: string;
  details?: unknown;
  cause?: unknown;
}

export function errorFields(error: Error, causes = 0): ErrorFields {
  const fields: ErrorFields = {
    type: isAkoshaError(error) ? error.type : error.name,
    message: error.message,
  };
  if (error.stack !== undefined) fields.stack = error.stack;
  if ('code' in error && typeof error.code === 'string') fields.code = error.code;
  if (isAkoshaError(error) && Object.keys(error.details).length > 0) fields.details = error.details;
  if (error.cause instanceof Error && causes < MOST_CAUSES)
    fields.cause = errorFields(error.cause, causes + 1);
  else if (typeof error.cause === 'string') fields.cause = error.cause;
  return fields;
}

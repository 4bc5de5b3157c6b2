import { pino, type DestinationStream, type Logger } from 'pino';
import { errorFields } from './error-fields.js';
import { lineMask } from './redact.js';
import { textLine } from './text-format.js';

export type { Logger } from 'pino';

export interface LogOptions {
  level: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';
  format: 'json' | 'text';
  /** Values that must not appear in the log, such as the API token. */
  secrets?: readonly string[];
  /** Asked for each line: more fields, such as what is being worked on. A new object each time. */
  fields?: () => object;
  /** By default stderr, so that stdout stays for what a command answers. */
  destination?: DestinationStream;
}

/**
 * The process's logger. A part of the program takes a child of it: `log.child({ part: 'ingest' })`; an error is logged
 * as `err`. Tokens, passwords and credentials are masked by name in any depth, and the given secrets wherever they stand.
 */
export function createLog(options: LogOptions): Logger {
  const destination = options.destination ?? standardError();
  const masked = lineMask(options.secrets ?? []);
  const write = (line: string): void => {
    const safe = masked(line);
    destination.write(options.format === 'text' ? textLine(safe) : safe);
  };
  return pino(
    {
      level: options.level,
      // Process id and host name are for whatever collects the log to add.
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      ...(options.fields === undefined ? {} : { mixin: options.fields }),
      formatters: { level: (label) => ({ level: label }) },
      // Pino's own would write the class of an error over its type.
      serializers: { err: (err: unknown) => (err instanceof Error ? errorFields(err) : err) },
    },
    { write },
  );
}

/** Written synchronously: a line is out even when the process dies in its next statement. */
function standardError(): DestinationStream {
  return pino.destination({ dest: 2, sync: true });
}

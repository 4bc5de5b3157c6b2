import { CommanderError } from 'commander';
import { isAkoshaError, messageOf } from '../contract/index.js';

export const EXIT = { done: 0, failed: 1, usage: 2 } as const;

/** 2 for what the caller can mend by typing something else, 1 for everything else. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
  return isAkoshaError(error, 'SettingsInvalid') || isAkoshaError(error, 'BadRequest')
    ? EXIT.usage
    : EXIT.failed;
}

export interface ReportOptions {
  json: boolean;
  /** The command that tells how it should have been called. */
  help?: string;
}

/** Text for people on stderr; with `--json` an object on stdout, so that a caller reads one stream. */
export function reportError(error: unknown, { json, help }: ReportOptions): void {
  const code = isAkoshaError(error) ? error.type : 'InternalError';
  const message = messageOf(error);
  if (json) {
    const body = { code, message, ...(help === undefined ? {} : { help }) };
    console.log(JSON.stringify({ success: false, error: body }, null, 2));
    return;
  }
  console.error(`akosha: ${message}`);
  if (help !== undefined) console.error(`see ${help}`);
  if (code === 'InternalError' && error instanceof Error) console.error(error.stack);
}

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

/** Text for people on stderr; with `--json` an object on stdout, so that a caller reads one stream. */
export function reportError(error: unknown, json: boolean): void {
  const code = isAkoshaError(error) ? error.type : 'InternalError';
  if (json)
    console.log(JSON.stringify({ success: false, error: { code, message: messageOf(error) } }, null, 2));
  else console.error(`akosha: ${messageOf(error)}`);
  if (code === 'InternalError' && error instanceof Error && !json) console.error(error.stack);
}

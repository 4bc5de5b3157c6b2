import { createInterface } from 'node:readline/promises';
import { AkoshaError } from '../contract/index.js';
import { count } from './output.js';

/** A person who means a handful looks at them; more are easily meant by mistake. */
const CONFIRM_ABOVE = 100;

/** Asks before a command changes much: on a terminal the person, else it wants `--yes`. Raises `BadRequest`, or `Cancelled` for a no. */
export async function confirm(what: string, memories: number, yes: boolean | undefined): Promise<void> {
  if (yes === true || memories <= CONFIRM_ABOVE) return;
  const subject = `${what} ${count(memories, 'memory', 'memories')}`;
  if (!process.stdin.isTTY) {
    throw new AkoshaError('BadRequest', `this would ${subject}: say --yes, or look first with --dry-run`);
  }
  // On stderr, because stdout is the answer's.
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await terminal.question(`${subject}? [y/N] `);
  terminal.close();
  if (!/^y(es)?$/i.test(answer.trim())) throw new AkoshaError('Cancelled', 'nothing was changed');
}

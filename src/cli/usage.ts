import type { Command, CommanderError } from 'commander';
import { AkoshaError } from '../contract/index.js';

/** What commander found wrong with a call, as an error of ours. Its own text begins with "error:" and may have two lines. */
export function usageError(error: CommanderError): AkoshaError {
  // A command that has only sub-commands, called without one that it knows: commander would print the whole help.
  const message =
    error.code === 'commander.help'
      ? 'name one of its commands'
      : error.message.replace(/^error: /, '').replaceAll('\n', ' ');
  return new AkoshaError('BadRequest', message, { cause: error });
}

/** How to get the help of the command that these arguments name, as far as they name one. */
export function helpFor(program: Command, args: readonly string[]): string {
  const names = [program.name()];
  let command = program;
  for (const argument of args) {
    const named = command.commands.find((candidate) => candidate.name() === argument);
    if (named === undefined) continue;
    names.push(argument);
    command = named;
  }
  return `${names.join(' ')} --help`;
}

import { Command, CommanderError } from 'commander';
import { COMMANDS } from './commands.js';
import { exitCodeOf, reportError } from './errors.js';
import { helpFor, usageError } from './usage.js';
import { VERSION } from './version.js';

function createProgram(): Command {
  return (
    new Command('akosha')
      .description('Carries the memories of AI agents to object storage, keeps them, and finds them again.')
      .version(VERSION)
      .exitOverride()
      // What is wrong with a call is reported below, as every other error is.
      .configureOutput({ writeErr: () => undefined })
      .addHelpText(
        'after',
        `
Examples:
  akosha up                                run everything on this machine
  akosha sync --wait                       upload this host's memories and wait until they are ingested
  akosha search "rotate the signing keys"  find them again

Every command but mcp takes --json, and all answer --help with examples. Exit codes: 0 done, 1 failed, 2 wrong usage or settings.`,
      )
  );
}

/**
 * Loads the one command that is asked for: `akosha --help` and a host's `akosha sync` must not pay for the store, the vector
 * model and Temporal's worker.
 */
async function run(program: Command, args: readonly string[]): Promise<void> {
  const [first, second] = args.filter((argument) => !argument.startsWith('-'));
  const wanted = first === 'help' ? second : first;
  for (const { name, summary, load } of COMMANDS) {
    const command = program.command(name).description(summary);
    if (name === wanted) (await load()).define(command);
  }
  if (args.length === 0) program.help();
  await program.parseAsync(args, { from: 'user' });
}

function report(error: unknown, program: Command, args: readonly string[]): void {
  const json = args.includes('--json');
  if (!(error instanceof CommanderError)) reportError(error, { json });
  // With exit code 0 it is help or a version that was asked for, and has been printed.
  else if (error.exitCode !== 0) reportError(usageError(error), { json, help: helpFor(program, args) });
}

/** Runs the command line; the exit code is the process's. */
export async function main(args: readonly string[]): Promise<void> {
  const program = createProgram();
  try {
    await run(program, args);
  } catch (error) {
    report(error, program, args);
    process.exitCode = exitCodeOf(error);
    // A start that was refused may leave Temporal's native part behind, which would keep the process alive for ever.
    process.stdout.write('', () => process.exit());
  }
}

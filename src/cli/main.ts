#!/usr/bin/env node
import { Command, CommanderError } from 'commander';
import { COMMANDS } from './commands.js';
import { exitCodeOf, reportError } from './errors.js';
import { VERSION } from './version.js';

/**
 * Loads the one command that is asked for: `akosha --help` and a host's `akosha sync` must not pay for the store, the vector
 * model and Temporal's worker.
 */
async function main(args: readonly string[]): Promise<void> {
  const program = new Command('akosha')
    .description('Carries the memories of AI agents to object storage, keeps them, and finds them again.')
    .version(VERSION)
    .showHelpAfterError()
    .exitOverride()
    .addHelpText(
      'after',
      `
Examples:
  akosha up                                run everything on this machine
  akosha sync --wait                       upload this host's memories and wait until they are ingested
  akosha search "rotate the signing keys"  find them again

Every command takes --json, and answers --help with examples. Exit codes: 0 done, 1 failed, 2 wrong usage or settings.`,
    );
  const wanted = args.find((argument) => !argument.startsWith('-'));
  for (const { name, summary, load } of COMMANDS) {
    const command = program.command(name).description(summary);
    if (name === wanted) (await load()).define(command);
  }
  if (args.length === 0) program.help();
  await program.parseAsync(args, { from: 'user' });
}

// The AWS SDK announces on stderr that versions of 2027 will need Node 22. Ours is pinned, and stderr is for our own messages.
process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] ??= 'true';

try {
  await main(process.argv.slice(2));
} catch (error) {
  // Commander has printed its own message, help included.
  if (!(error instanceof CommanderError)) reportError(error, process.argv.includes('--json'));
  process.exitCode = exitCodeOf(error);
  // A start that was refused may leave Temporal's native part behind, which would keep the process alive for ever.
  process.stdout.write('', () => process.exit());
}

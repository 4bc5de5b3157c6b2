import type { Command } from 'commander';
import { moveMemories, type MoveOptions } from '../moves.js';
import { withJson } from '../output.js';
import { withSelection } from '../selection.js';
import { withSettings } from '../settings.js';

export function define(command: Command): void {
  withSelection(withJson(withSettings(command)))
    .requiredOption('--to <tier>', 'warm or cold')
    .option('--wait', 'return when it is done')
    .addHelpText(
      'after',
      `
To a colder tier, whatever their age: as the transition does, only at once. What is pinned stays, and is counted as left. Of each system one runs
at a time, and another is refused meanwhile.

Examples:
  akosha move laptop-1/conversation/3f9a2c --to cold --wait
  akosha move --system laptop-1 --until 2026-01-01 --to cold --dry-run`,
    )
    .action((memories: string[], options: MoveOptions) => moveMemories('move', memories, options));
}

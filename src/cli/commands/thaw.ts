import type { Command } from 'commander';
import { moveMemories, type MoveOptions } from '../moves.js';
import { withJson } from '../output.js';
import { withSelection } from '../selection.js';
import { withSettings } from '../settings.js';

export function define(command: Command): void {
  withSelection(withJson(withSettings(command)))
    .requiredOption('--to <tier>', 'hot or warm')
    .option('--wait', 'return when it is done')
    .addHelpText(
      'after',
      `
Back to a warmer tier, from cold objects too. They stay there for thawed_days whatever their age, unless they are moved or unpinned before.
Vectors come back as they were rounded from warm; of what comes from cold the server makes new ones.

Examples:
  akosha thaw laptop-1/conversation/3f9a2c --to hot --wait
  akosha thaw --query "how we rotated keys in spring" --to warm
  akosha thaw --system laptop-1 --since 2026-01-01 --to warm --dry-run`,
    )
    .action((memories: string[], options: MoveOptions) => moveMemories('thaw', memories, options));
}

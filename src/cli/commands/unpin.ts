import type { Command } from 'commander';
import { withJson } from '../output.js';
import { changePins, type PinOptions } from '../pins.js';
import { withSelection } from '../selection.js';
import { withSettings } from '../settings.js';

export function define(command: Command): void {
  withSelection(withJson(withSettings(command)))
    .addHelpText(
      'after',
      `
They age again, with the next transition. --system alone takes away the pin of the system and those of all its memories. What was thawed and
stays for a while is let go as well.

Examples:
  akosha unpin laptop-1/conversation/3f9a2c
  akosha unpin --system laptop-1 --dry-run`,
    )
    .action((memories: string[], options: PinOptions) => changePins('unpin', memories, options));
}

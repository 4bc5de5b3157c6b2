import type { Command } from 'commander';
import { withTraces } from '../command-traces.js';
import { serveStdio } from '../mcp/stdio.js';
import { hostTools } from '../mcp/tools.js';
import { settingsOf, withSettings, type SettingOptions } from '../settings.js';
import { VERSION } from '../version.js';

export function define(command: Command): void {
  withSettings(command)
    .addHelpText(
      'after',
      `
Speaks MCP on its standard input and output, for a program such as Claude Code to start, and ends when its input does. It offers
sync_to_akosha, which uploads this host's memories, and akosha_sync_status.

Example:
  claude mcp add akosha -- akosha mcp`,
    )
    .action(run);
}

async function run(options: SettingOptions): Promise<void> {
  const settings = settingsOf(options);
  await withTraces(settings, () =>
    serveStdio(
      {
        input: process.stdin,
        output: process.stdout,
        log: (line) => console.error(`akosha mcp: ${line}`),
      },
      { version: VERSION, flat: false, tools: hostTools(settings) },
    ),
  );
}

import type { Command } from 'commander';
import { TIERS } from '../../contract/index.js';
import { escapeSystemId, isSystemId } from '../../memory/index.js';
import { readerOptions } from '../../processes/host.js';
import { ReaderPool } from '../../reader/index.js';
import { ApiClient } from '../api-client.js';
import { EXIT } from '../errors.js';
import { print, withJson } from '../output.js';
import { progressLine } from '../progress-line.js';
import { restoreSystem, type Restored } from '../restore/restore-system.js';
import { settingsOf, withSettings, type SettingOptions } from '../settings.js';

interface Options extends SettingOptions {
  json?: boolean;
  system: string;
  to: string;
}

/** Named in the answer; enough to see what they have in common. */
const MISMATCHES_SHOWN = 20;

export function define(command: Command): void {
  withJson(withSettings(command))
    .requiredOption('--system <id>', 'whose memories: the id of a system, or its name')
    .requiredOption('--to <folder>', 'the folder for the databases')
    .addHelpText(
      'after',
      `
Writes the memories of a system, as the server has them in all tiers, to reflection.duckdb and knowledge_graph.duckdb: databases that
Session-Buddy opens. Overwrites nothing. The content of every memory is compared with the store's; exit code 1 where one differs. Vectors
come back as they were from hot, rounded from warm, and not at all from cold.

Example:
  akosha restore --system laptop-1 --to ~/restored`,
    )
    .action(run);
}

async function run(options: Options): Promise<void> {
  const settings = settingsOf(options);
  const api = await ApiClient.open(settings);
  // Its jobs come one after the other.
  const reader = new ReaderPool({ size: 1, folder: options.to, ...readerOptions(settings) });
  const progress = progressLine(options.json === true ? undefined : process.stderr);
  try {
    const systemId = isSystemId(options.system) ? options.system : escapeSystemId(options.system);
    const restored = await restoreSystem(api, reader, {
      systemId,
      folder: options.to,
      onProgress: progress.show,
    });
    progress.clear();
    if (restored.mismatched.length > 0) process.exitCode = EXIT.failed;
    print(toAnswer(systemId, restored), options.json, render);
  } finally {
    progress.clear();
    await reader.close();
  }
}

function toAnswer(systemId: string, { mismatched, ...restored }: Restored) {
  return {
    success: mismatched.length === 0,
    system_id: systemId,
    ...restored,
    mismatched: mismatched.length,
    mismatches: mismatched.slice(0, MISMATCHES_SHOWN),
  };
}

function render({
  files,
  restored,
  tiers,
  embeddings,
  mismatched,
  mismatches,
}: ReturnType<typeof toAnswer>): string {
  const lines = [
    `memories restored with their content as in the store: ${restored} ` +
      `(${TIERS.map((tier) => `${tier} ${tiers[tier]}`).join(', ')})`,
    `vectors: ${embeddings.exact} exact, ${embeddings.rounded} rounded, ${embeddings.none} none`,
    ...files,
  ];
  if (mismatched > 0) {
    lines.push(
      `${mismatched} differ from the store: ${mismatches.join(', ')}${mismatched > mismatches.length ? ', …' : ''}`,
    );
  }
  return lines.join('\n');
}

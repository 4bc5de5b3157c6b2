import { InvalidArgumentError, type Command } from 'commander';
import { downgradeStore } from '../../store/index.js';
import { print, withJson } from '../output.js';
import { settingsOf, withSettings, type SettingOptions } from '../settings.js';

interface Options extends SettingOptions {
  json?: boolean;
  to: number;
}

export function define(command: Command): void {
  withJson(withSettings(command))
    .requiredOption(
      '--to <schema>',
      'the schema that the older version knows, which it names where it refuses',
      version,
    )
    .addHelpText(
      'after',
      `
Takes the store of the data folder back to an older version of its catalog, with all that was ingested since, so that the akosha of before can open it
again. Stop the server first, and run the newer version's downgrade: the older one knows nothing of what came after it. The newer version takes the store
forward again when it starts. Where there is no way back, the older version makes the store anew: move the folder \`store\` away, and run its
\`akosha rebuild\`.

Examples:
  akosha downgrade --to 11
  akosha downgrade --to 11 --json`,
    )
    .action(run);
}

function version(text: string): number {
  if (/^\d{1,4}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be a whole number.');
}

async function run({ json, to, ...options }: Options): Promise<void> {
  const { dataDir } = settingsOf(options);
  const downgrade = await downgradeStore(dataDir, to);
  print(
    downgrade,
    json,
    ({ from, to: now }) => `the store had schema ${from}, and has schema ${now}: start the older version`,
  );
}

import type { Command } from 'commander';
import { z } from 'zod';
import type { Settings } from '../../config/index.js';
import { AkoshaError } from '../../contract/index.js';
import { ApiClient } from '../api-client.js';
import { openClient } from '../clients.js';
import { ingestAgain } from '../ingest-again.js';
import { print, withJson } from '../output.js';
import { settingsOf, withSettings, type SettingOptions } from '../settings.js';

interface Options extends SettingOptions {
  upload?: string;
  system?: string;
  again?: boolean;
  json?: boolean;
  wait?: boolean;
}

export function define(command: Command): void {
  withJson(withSettings(command))
    .option('--wait', 'return when what it found is ingested')
    .option('--upload <id>', 'one upload, with --again')
    .option('--system <id>', 'whose it is, where several systems have used the id')
    .option('--again', 'ingest it again, though it was: for a new reader, or a new model')
    .addHelpText(
      'after',
      `
Walks object storage for uploads that no inbox entry announced, such as those of Session-Buddy's own cloud sync.

Examples:
  akosha ingest
  akosha ingest --wait --json
  akosha ingest --upload 20261122_100001_0a1b2c3d --again --wait`,
    )
    .action(run);
}

async function run({ upload, system, again, ...rest }: Options): Promise<void> {
  if (upload === undefined && again === undefined && system === undefined) return walk(rest);
  if (upload === undefined || again === undefined)
    throw new AkoshaError(
      'BadRequest',
      'an upload is ingested once: say both --upload <id> and --again to have one ingested again',
    );
  await ingestAgain({ upload, ...(system === undefined ? {} : { system }), ...rest });
}

async function walk({ wait, json, ...options }: Omit<Options, 'upload' | 'system' | 'again'>): Promise<void> {
  const settings = settingsOf(options);
  const client = await openClient(settings);
  try {
    const started = await (wait === true ? client.runDailyIngest({ wait }) : client.triggerIngest());
    if (wait !== true) {
      print(
        { workflow_id: started.workflowId, status: 'started' },
        json,
        (answer) => `started ${answer.workflow_id}`,
      );
      return;
    }
    const { seen, added } = await started.result();
    const answer = {
      workflow_id: started.workflowId,
      status: 'done',
      uploads_seen: seen,
      uploads_found: added,
      uploads_quarantined: await countQuarantined(settings),
    };
    print(answer, json, render);
  } finally {
    await client.close();
  }
}

const Status = z.looseObject({ uploads: z.looseObject({ quarantined: z.number() }) });

/** In all, not of this run: each waits for a person. Null where the server's API does not answer. */
async function countQuarantined(settings: Settings): Promise<number | null> {
  try {
    const { uploads } = await (await ApiClient.open(settings)).get('/api/v1/status', Status);
    return uploads.quarantined;
  } catch {
    return null;
  }
}

function render(answer: {
  uploads_seen: number;
  uploads_found: number;
  uploads_quarantined: number | null;
}): string {
  const lines = [
    `looked at ${answer.uploads_seen} uploads; ${answer.uploads_found} were new, and nothing waits in the queue`,
  ];
  if (answer.uploads_quarantined !== null && answer.uploads_quarantined > 0) {
    lines.push(`${answer.uploads_quarantined} in quarantine: \`akosha status\` says why`);
  }
  return lines.join('\n');
}

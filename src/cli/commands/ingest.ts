import type { Command } from 'commander';
import { openClient } from '../clients.js';
import { print, withJson } from '../output.js';
import { settingsOf, withSettings, type SettingOptions } from '../settings.js';

interface Options extends SettingOptions {
  json?: boolean;
  wait?: boolean;
}

export function define(command: Command): void {
  withJson(withSettings(command))
    .option('--wait', 'return when what it found is ingested')
    .addHelpText(
      'after',
      `
Walks object storage for uploads that no inbox entry announced, such as those of Session-Buddy's own cloud sync.

Examples:
  akosha ingest
  akosha ingest --wait --json`,
    )
    .action(run);
}

async function run({ wait, json, ...options }: Options): Promise<void> {
  const client = await openClient(settingsOf(options));
  try {
    const started = await client.runDailyIngest({ wait: wait === true });
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
    };
    print(
      answer,
      json,
      () => `looked at ${seen} uploads; ${added} were new, and everything queued is ingested`,
    );
  } finally {
    await client.close();
  }
}

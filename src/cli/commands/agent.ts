import type { Command } from 'commander';
import { removeRunRecord, writeRunRecord } from '../../runtime/index.js';
import { startAgent } from '../../processes/agent.js';
import { beginProcess, processOptions } from '../processes.js';
import { withJson } from '../output.js';
import { RunUntilSignal } from '../run-until-signal.js';
import { settingsOf, withSettings, type SettingOptions } from '../settings.js';

export function define(command: Command): void {
  withJson(withSettings(command))
    .addHelpText(
      'after',
      `
Takes uploads of this host from Temporal until SIGTERM or SIGINT. A host without a route to Temporal needs no agent: there,
run \`akosha sync\` at the end of each session.

Example:
  TEMPORAL_ADDRESS=temporal.example:7233 AKOSHA_SYSTEM_ID=laptop-7 akosha agent`,
    )
    .action(run);
}

async function run(options: SettingOptions & { json?: boolean }): Promise<void> {
  const settings = settingsOf(options);
  const log = await beginProcess(settings);
  const until = new RunUntilSignal();
  const where = processOptions(settings, log);
  const agent = await startAgent(where);
  await writeRunRecord(settings.dataDir, {
    roles: ['agent'],
    system_id: agent.systemId,
    api_url: null,
    temporal_address: where.connectionOptions.address,
    temporal_namespace: where.namespace,
    temporal_ui_url: null,
    object_store: settings.objectStore,
    archive_store: settings.archiveStore,
  });
  if (options.json === true) console.log(JSON.stringify({ pid: process.pid, system_id: agent.systemId }));
  log.info({ systemId: agent.systemId }, 'akosha agent is up');
  await until.thenStop([() => agent.stop(), () => removeRunRecord(settings.dataDir)]);
}

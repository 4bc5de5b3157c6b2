import { Option, type Command } from 'commander';
import { isAkoshaError } from '../../contract/index.js';
import { removeRunRecord, writeRunRecord } from '../../runtime/index.js';
import { startAgent, type AgentProcess } from '../../processes/agent.js';
import { untilNotNeeded } from '../detached-agent.js';
import { beginProcess, beginTraces, processOptions } from '../processes.js';
import { withJson } from '../output.js';
import { RunUntilSignal } from '../run-until-signal.js';
import { settingsOf, withSettings, type SettingOptions } from '../settings.js';
import { defineAgentService } from './agent-service.js';

interface Options extends SettingOptions {
  json?: boolean;
  detached?: boolean;
}

export function define(command: Command): void {
  withJson(withSettings(command))
    .addOption(new Option('--detached', 'end when there is nothing left to do').hideHelp())
    .addHelpText(
      'after',
      `
Carries this host's memories to object storage until SIGTERM or SIGINT: what \`akosha sync\`, \`akosha session-end\` and \`akosha mcp\` ask for, through
Temporal where that is at hand, by itself where it is not (AKOSHA_TEMPORAL=off: always). What cannot be delivered waits in the outbox.

Examples:
  TEMPORAL_ADDRESS=temporal.example:7233 akosha agent
  AKOSHA_TEMPORAL=off AKOSHA_CLOUD_BUCKET=memories akosha agent
  akosha agent install`,
    )
    .action(run);
  defineAgentService(command);
}

async function run(options: Options): Promise<void> {
  const settings = settingsOf(options);
  const detached = options.detached === true;
  const log = await beginProcess(settings);
  const until = new RunUntilSignal();
  const traces = await beginTraces(settings, 'akosha-agent', log);
  const where = { ...processOptions(settings, log), traces };
  let agent: AgentProcess;
  try {
    agent = await startAgent({ ...where, detached });
  } catch (error) {
    if (!detached || !isAkoshaError(error, 'StoreLocked')) throw error;
    // Two sessions ended at once: the other's agent does the work of both. Temporal's native part would keep this process alive.
    process.exit();
  }
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
  const ending = new AbortController();
  if (detached) void untilNotNeeded(settings.dataDir, ending.signal).finally(() => until.stopNow());
  await until.thenStop([
    () => ending.abort(),
    () => agent.stop(),
    () => removeRunRecord(settings.dataDir),
    () => traces?.stop(),
  ]);
}

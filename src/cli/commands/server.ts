import type { Command } from 'commander';
import { requireServable } from '../../config/index.js';
import { findRunning, removeRunRecord, writeRunRecord } from '../../runtime/index.js';
import { createMetrics } from '../../telemetry/index.js';
import { startServer } from '../../processes/server.js';
import { beginProcess, beginTraces, processOptions } from '../processes.js';
import { withJson } from '../output.js';
import { RunUntilSignal } from '../run-until-signal.js';
import { settingsOf, withSettings, type SettingOptions } from '../settings.js';
import { VERSION } from '../version.js';

export function define(command: Command): void {
  withJson(withSettings(command))
    .addHelpText(
      'after',
      `
Runs until SIGTERM or SIGINT. Temporal is found by its own variables (TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, …).

Example:
  TEMPORAL_ADDRESS=temporal:7233 AKOSHA_OBJECT_STORE="s3://memories?region=eu-central-1" akosha server`,
    )
    .action(run);
}

async function run(options: SettingOptions & { json?: boolean }): Promise<void> {
  const settings = settingsOf(options);
  requireServable(settings);
  const log = await beginProcess(settings);
  const until = new RunUntilSignal();
  const traces = await beginTraces(settings, 'akosha-server', log);
  const where = { ...processOptions(settings, log), traces };
  const server = await startServer({
    ...where,
    metrics: createMetrics(),
    version: VERSION,
    onShutdown: () => {
      until.stopNow();
    },
    describe: () => ({ roles: ['server'], pid: process.pid }),
  });
  // An agent that runs on this folder keeps its record's fields.
  const running = await findRunning(settings.dataDir);
  await writeRunRecord(settings.dataDir, {
    roles: ['server'],
    system_id: running?.system_id ?? null,
    api_url: server.api.url,
    temporal_address: where.connectionOptions.address,
    temporal_namespace: where.namespace,
    temporal_ui_url: null,
    object_store: settings.objectStore,
    archive_store: settings.archiveStore,
  });
  if (options.json === true) console.log(JSON.stringify({ pid: process.pid, api_url: server.api.url }));
  log.info({ api: server.api.url }, 'akosha server is up');
  await until.thenStop([() => server.stop(), () => removeRunRecord(settings.dataDir), () => traces?.stop()]);
}

import type { Command } from 'commander';
import { removeRunRecord, writeRunRecord } from '../../runtime/index.js';
import { createMetrics, type Logger } from '../../telemetry/index.js';
import type { Settings } from '../../config/index.js';
import { startAgent, type AgentProcess } from '../../processes/agent.js';
import { startLocalServers, type LocalServers } from '../../processes/local.js';
import { startServer, type ServerProcess } from '../../processes/server.js';
import { beginProcess, processOptions } from '../processes.js';
import { RunUntilSignal, stopAll } from '../run-until-signal.js';
import { settingsOf, withSettings, type SettingOptions } from '../settings.js';
import { VERSION } from '../version.js';

interface Options extends SettingOptions {
  s3?: boolean;
}

export function define(command: Command): void {
  withSettings(command)
    .option('--s3', 'keep objects in a local S3 server instead of AKOSHA_OBJECT_STORE')
    .addHelpText(
      'after',
      `
Runs Temporal, the server and this host's agent, until SIGTERM or SIGINT. Where TEMPORAL_ADDRESS is set, that Temporal is used and
none is started. Ports of 0 mean any free ones; \`akosha status\` tells which.

Examples:
  akosha up
  AKOSHA_PORT=0 AKOSHA_TEMPORAL_PORT=0 AKOSHA_TEMPORAL_UI_PORT=0 akosha up --data-dir ./data --s3`,
    )
    .action(run);
}

async function run(options: Options): Promise<void> {
  const given = settingsOf(options);
  const log = await beginProcess(given);
  const until = new RunUntilSignal();
  const steps: (() => Promise<void>)[] = [];
  try {
    const servers = await startLocalServers(given, { s3: options.s3 === true, log });
    steps.unshift(() => servers.stop());
    await startAll({ ...given, ...servers.settings }, servers, { log, until, steps });
  } catch (error) {
    await stopAll(steps).catch((fault: unknown) => {
      log.warn({ err: fault }, 'stopping after a failed start');
    });
    throw error;
  }
  await until.thenStop(steps);
}

interface Running {
  log: Logger;
  until: RunUntilSignal;
  /** What is to be stopped, the last started first. */
  steps: (() => Promise<void>)[];
}

async function startAll(
  settings: Settings,
  servers: LocalServers,
  { log, until, steps }: Running,
): Promise<void> {
  const where = processOptions(settings, log, servers.temporalAddress);
  const agent = await startAgent(where);
  steps.unshift(() => agent.stop());
  const server = await startServer({
    ...where,
    metrics: createMetrics(),
    version: VERSION,
    onShutdown: () => {
      until.stopNow();
    },
    describe: () => ({
      roles: ['server', 'agent'],
      pid: process.pid,
      system_id: agent.systemId,
      agent_ready: agent.working,
      temporal_ui_url: servers.temporalUiUrl,
    }),
  });
  steps.unshift(() => server.stop());
  await record(settings, servers, server, agent, where.namespace, where.connectionOptions.address);
  steps.unshift(() => removeRunRecord(settings.dataDir));
  log.info(
    { api: server.api.url, temporalUi: servers.temporalUiUrl, systemId: agent.systemId },
    'akosha is up',
  );
}

function record(
  settings: Settings,
  servers: LocalServers,
  server: ServerProcess,
  agent: AgentProcess,
  namespace: string,
  address: string,
): Promise<void> {
  return writeRunRecord(settings.dataDir, {
    roles: ['server', 'agent'],
    system_id: agent.systemId,
    api_url: server.api.url,
    temporal_address: address,
    temporal_namespace: namespace,
    temporal_ui_url: servers.temporalUiUrl,
    object_store: settings.objectStore,
    archive_store: settings.archiveStore,
  });
}

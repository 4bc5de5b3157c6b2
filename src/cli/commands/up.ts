import path from 'node:path';
import type { Command } from 'commander';
import { removeRunRecord, runAll, takeLock, writeRunRecord } from '../../runtime/index.js';
import { createMetrics, type Logger } from '../../telemetry/index.js';
import { requireServable, type Settings } from '../../config/index.js';
import { messageOf } from '../../contract/index.js';
import { createBreakers, startAgent, type AgentProcess } from '../../processes/agent.js';
import {
  endLocalServers,
  runningLocalServers,
  startLocalServers,
  type LocalServers,
} from '../../processes/local.js';
import { startServer, type ServerProcess } from '../../processes/server.js';
import { SERVER_PROGRAMS, type ServerRecord } from '../../servers/index.js';
import { beginProcess, beginTraces, processOptions } from '../processes.js';
import { RunUntilSignal } from '../run-until-signal.js';
import { settingsOf, withSettings, type SettingOptions } from '../settings.js';
import { VERSION } from '../version.js';

interface Options extends SettingOptions {
  s3?: boolean;
  json?: boolean;
}

export function define(command: Command): void {
  withSettings(command)
    .option('--json', 'print one line of JSON with the addresses once everything runs')
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
  requireServable(given);
  // Before anything is started: of two starts on one folder the second must not touch what the first runs.
  const steps: (() => Promise<void>)[] = [await takeLock(path.join(given.dataDir, 'run', 'up.lock'))];
  const forced = new AbortController();
  const until = new RunUntilSignal(() => endNow(given.dataDir, forced));
  try {
    const log = await beginProcess(given);
    const servers = await startLocalServers(given, {
      s3: options.s3 === true,
      log,
      signal: forced.signal,
    });
    steps.unshift(() => servers.stop());
    until.throwIfStopped();
    await startAll({ ...given, ...servers.settings }, servers, {
      log,
      until,
      steps,
      json: options.json === true,
    });
  } catch (error) {
    await runAll(steps).catch((fault: unknown) => {
      console.error(`akosha: stopping after a failed start: ${messageOf(fault)}`);
    });
    throw error;
  }
  await until.thenStop(steps);
}

/** The servers run on in process groups of their own when this process ends, so they are ended first. */
async function endNow(dataDir: string, forced: AbortController): Promise<void> {
  forced.abort();
  const names = runningLocalServers(dataDir).map(nameOf);
  if (names.length > 0)
    console.error(`akosha: ending ${names.join(' and ')} first; with a third signal they are left running`);
  for (const server of await endLocalServers(dataDir))
    console.error(`akosha: ${nameOf(server)} does not end: \`kill -9 ${server.pid}\` may`);
}

function nameOf({ name, pid }: ServerRecord): string {
  return `${SERVER_PROGRAMS[name].title} (process ${pid})`;
}

interface Running {
  log: Logger;
  until: RunUntilSignal;
  /** What is to be stopped, the last started first. */
  steps: (() => Promise<void>)[];
  json: boolean;
}

async function startAll(
  settings: Settings,
  servers: LocalServers,
  { log, until, steps, json }: Running,
): Promise<void> {
  const breakers = createBreakers(log);
  const traces = await beginTraces(settings, 'akosha', log);
  if (traces !== undefined) steps.unshift(() => traces.stop());
  const where = { ...processOptions(settings, log, servers.temporalAddress), breakers, traces };
  const metrics = createMetrics();
  const agent = await startAgent({ ...where, metrics });
  steps.unshift(() => agent.stop());
  until.throwIfStopped();
  const server = await startServer({
    ...where,
    metrics,
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
  if (json) console.log(JSON.stringify(addresses(server, servers, agent)));
  log.info(
    { api: server.api.url, temporalUi: servers.temporalUiUrl, systemId: agent.systemId },
    'akosha is up',
  );
}

function addresses(server: ServerProcess, servers: LocalServers, agent: AgentProcess) {
  return {
    pid: process.pid,
    api_url: server.api.url,
    temporal_address: servers.temporalAddress ?? null,
    temporal_ui_url: servers.temporalUiUrl,
    system_id: agent.systemId,
  };
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

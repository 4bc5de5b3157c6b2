import { secretValues, temporalConnection, type Settings } from '../config/index.js';
import { logFields } from '../runtime/index.js';
import {
  createLog,
  installTemporalRuntime,
  startTraces,
  type Logger,
  type Traces,
} from '../telemetry/index.js';
import type { ProcessOptions } from '../processes/agent.js';
import { VERSION } from './version.js';

/** What every long-running command begins with: the log, and Temporal's native part speaking through it. */
export async function beginProcess(settings: Settings): Promise<Logger> {
  const log = createLog({
    level: settings.logLevel,
    format: settings.logFormat,
    secrets: secretValues(settings),
    fields: logFields,
  });
  // Once installed it keeps the process alive until a worker has ended, and without Temporal there is none.
  if (settings.temporal !== 'off') {
    await installTemporalRuntime({
      log,
      ...(settings.temporalMetricsAddress === undefined
        ? {}
        : { metricsAddress: settings.temporalMetricsAddress }),
    });
  }
  return log;
}

/** The spans of a process of this name, where the settings say where they go. Stop them last: what is stopped before them makes some. */
export function beginTraces(
  { tracesEndpoint: endpoint, traceSampleRatio: sampleRatio }: Settings,
  service: string,
  log: Logger,
): Promise<Traces | undefined> {
  return startTraces({ endpoint, sampleRatio, service, version: VERSION, log });
}

/** Where Temporal is: as Temporal's own variables say, or at the address of a server started here. */
export function processOptions(settings: Settings, log: Logger, localAddress?: string): ProcessOptions {
  const { connectionOptions, namespace, configured } = temporalConnection(settings);
  const address = configured || localAddress === undefined ? connectionOptions.address : localAddress;
  return { settings, log, connectionOptions: { ...connectionOptions, address }, namespace };
}

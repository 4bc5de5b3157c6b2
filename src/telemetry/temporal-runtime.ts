import type { LogEntry, RuntimeOptions } from '@temporalio/worker';
import { systemOfWorkflow } from '../contract/index.js';
import type { Logger } from './log.js';

export interface TemporalRuntimeOptions {
  /** Takes the SDK's lines, those of its native core among them. */
  log: Logger;
  /** `host:port` where the SDK's metrics can be scraped; absent, they are not collected. */
  metricsAddress?: string | undefined;
}

type LogLevel = LogEntry['level'];

const LEVELS = {
  TRACE: 'trace',
  DEBUG: 'debug',
  INFO: 'info',
  WARN: 'warn',
  ERROR: 'error',
} as const satisfies Record<LogLevel, string>;

/**
 * What the SDK says of every worker that takes only one kind of task, at each start: all of ours do so on purpose. It has no
 * option against these lines, and a warning that always comes teaches people not to read warnings.
 */
const BY_DESIGN = /^No (workflows|activities|Nexus services) registered, not polling for/;

let installed: Promise<void> | undefined;

/**
 * Sets up the SDK's runtime, which a process has one of: call it before the first connection to Temporal. Later calls
 * change nothing. The SDK is loaded here and not before, because a command without Temporal would wait for it in vain.
 */
export function installTemporalRuntime(options: TemporalRuntimeOptions): Promise<void> {
  installed ??= install(options);
  return installed;
}

async function install({ log, metricsAddress }: TemporalRuntimeOptions): Promise<void> {
  const { DefaultLogger, makeTelemetryFilterString, Runtime } = await import('@temporalio/worker');
  const telemetryOptions: NonNullable<RuntimeOptions['telemetryOptions']> = {
    logging: { forward: {}, filter: makeTelemetryFilterString({ core: 'WARN', other: 'ERROR' }) },
  };
  if (metricsAddress !== undefined) {
    telemetryOptions.metrics = {
      prometheus: {
        bindAddress: metricsAddress,
        // Prometheus's own conventions for names and units.
        countersTotalSuffix: true,
        unitSuffix: true,
        useSecondsForDurations: true,
      },
    };
  }
  Runtime.install({
    // TRACE lets every line through: the level is the log's to decide, in one place.
    logger: new DefaultLogger('TRACE', (entry) => forward(log, entry)),
    telemetryOptions,
    // The program drains in an order of its own; the SDK's handlers would shut workers down beside it.
    shutdownSignals: [],
  });
}

/** One line of the SDK's. Its own time is kept, as `at`: core lines arrive up to 100 ms late. */
function forward(log: Logger, { level, message, timestampNanos, meta }: LogEntry): void {
  const { error, ...fields } = meta ?? {};
  const at = new Date(Number(timestampNanos / 1_000_000n)).toISOString();
  log[BY_DESIGN.test(message) ? 'debug' : LEVELS[level]](
    { part: 'temporal', at, ...systemIn(fields), ...fields, ...(error === undefined ? {} : { err: error }) },
    message,
  );
}

/** The SDK names the workflow, and its id the system. */
function systemIn({ workflowId }: { workflowId?: unknown }): { systemId?: string } {
  const systemId = typeof workflowId === 'string' ? systemOfWorkflow(workflowId) : undefined;
  return systemId === undefined ? {} : { systemId };
}

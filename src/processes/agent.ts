import { createAgentActivities } from '../activities/agent.js';
import { clockFrom, type Settings } from '../config/index.js';
import type { Logger } from '../telemetry/index.js';
import { createAgentWorker } from '../workers/agent.js';
import { openAgentParts } from './agent-parts.js';
import { keepWorking, type KeepWorkingOptions } from '../workers/index.js';

export interface AgentProcess {
  readonly systemId: string;
  /** Whether it takes work from Temporal. */
  readonly working: boolean;
  /** Finishes what is under way or hands it back, and closes everything. */
  stop(): Promise<void>;
}

export interface ProcessOptions {
  settings: Settings;
  log: Logger;
  connectionOptions: KeepWorkingOptions['connectionOptions'];
  namespace: string;
}

/** The agent of this host: takes its system's uploads from Temporal. */
export async function startAgent({
  settings,
  log,
  connectionOptions,
  namespace,
}: ProcessOptions): Promise<AgentProcess> {
  const parts = await openAgentParts(settings, clockFrom(settings), log);
  const { systemId } = parts.host;
  const stopping = new AbortController();
  let working = false;
  const work = keepWorking(
    {
      connectionOptions,
      log,
      prepare: () => Promise.resolve(),
      create: async (connection) => [
        await createAgentWorker({
          connection,
          namespace,
          identity: `akosha-agent-${systemId}@${process.pid}`,
          systemId,
          activities: createAgentActivities({ host: parts.host }),
          shutdownGraceMs: settings.shutdownGraceSeconds * 1000,
          shutdownForceMs: settings.shutdownForceSeconds * 1000,
        }),
      ],
      onWorking: (now) => (working = now),
    },
    stopping.signal,
  );
  return {
    systemId,
    get working() {
      return working;
    },
    stop: async () => {
      stopping.abort();
      try {
        await work;
      } finally {
        await parts.close();
      }
    },
  };
}

import { secretValues, type Settings } from '../config/index.js';

/**
 * Runs a command that may upload by itself, with its spans recorded where the settings say where they go; the last ones are sent before it
 * returns. They are an agent's, whose work it does. Without an endpoint nothing is even loaded.
 */
export async function withTraces<T>(settings: Settings, work: () => Promise<T>): Promise<T> {
  if (settings.tracesEndpoint === undefined) return work();
  const [{ createLog }, { beginTraces }] = await Promise.all([
    import('../telemetry/index.js'),
    import('./processes.js'),
  ]);
  const { logLevel: level, logFormat: format } = settings;
  const log = createLog({ level, format, secrets: secretValues(settings) });
  const traces = await beginTraces(settings, 'akosha-agent', log);
  try {
    return await work();
  } finally {
    await traces?.stop();
  }
}

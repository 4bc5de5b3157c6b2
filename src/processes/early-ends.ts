import type { Logger } from '../telemetry/index.js';

/**
 * Logs whichever of these fails before the signal is raised. Whoever stops them hears of it too; until then one that failed must not
 * end the process, which searches and takes uploads without it.
 */
export function logEarlyEnds(
  loops: Readonly<Record<string, Promise<void>>>,
  log: Pick<Logger, 'error'>,
  signal: AbortSignal,
): void {
  for (const [loop, ended] of Object.entries(loops)) {
    ended.catch((error: unknown) => {
      if (!signal.aborted) {
        log.error(
          { err: error, loop },
          'a part of the server has failed and does nothing more; restart the server',
        );
      }
    });
  }
}

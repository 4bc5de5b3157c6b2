import { setTimeout as sleep } from 'node:timers/promises';
import type { Settings } from '../config/index.js';
import { takeBackup, type BackupContext } from '../maintenance/index.js';
import { hashStored } from '../reader/index.js';
import type { Logger, Metrics } from '../telemetry/index.js';
import type { ServerParts } from './server-parts.js';

export interface BackupLoopOptions {
  backup: BackupContext;
  intervalMs: number;
  log: Logger;
  metrics: Metrics;
}

/** What the server's loop goes by. */
export function backupOptions(
  { settings, log, metrics }: { settings: Settings; log: Logger; metrics: Metrics },
  { store, archive, reader, ingest: { scratch } }: ServerParts,
): BackupLoopOptions {
  return {
    backup: {
      store,
      archive,
      scratch,
      hashFile: (file) => hashStored(reader, file),
      keep: settings.backupsKept,
    },
    intervalMs: settings.backupIntervalSeconds * 1000,
    log,
    metrics,
  };
}

/** Of the time, at most one part in so many goes to backups, however large the ledger grows. */
const SHARE = 20;

/**
 * Takes a backup again and again, where something changed, until the signal fires. A plain loop, so that it goes on while Temporal is away. The
 * first comes after a whole interval: a start is no change.
 */
export async function runBackups(
  { backup, intervalMs, log, metrics }: BackupLoopOptions,
  signal: AbortSignal,
): Promise<void> {
  metrics.backupTime.set(Date.now() / 1000);
  metrics.backupOk.set(1);
  for (let pause = intervalMs; ;) {
    await sleep(pause, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return;
    const begun = Date.now();
    try {
      const { key, rows } = await takeBackup(backup);
      if (key !== null) log.info({ key, rows, ms: Date.now() - begun }, 'backed up');
      metrics.backupTime.set(begun / 1000);
      metrics.backupOk.set(1);
    } catch (error) {
      metrics.backupOk.set(0);
      log.warn({ err: error }, 'a backup failed; the next one has all that changed');
    }
    pause = Math.max(intervalMs, (Date.now() - begun) * SHARE);
  }
}

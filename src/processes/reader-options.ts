import type { Settings } from '../config/index.js';
import {
  ReaderPool,
  type ExternalReaderOptions,
  type ReaderPoolOptions,
  type SlowLaneOptions,
} from '../reader/index.js';
import { wheelFolder } from '../servers/index.js';

/** A database of 100,000 memories is read in less, and everybody else's next upload is still found within half a minute. */
const SLOW_AFTER_MS = 10_000;

/**
 * Each waits at most two time limits of `reader_timeout_seconds` for each before it, one with the list of what the store has and one without:
 * 2 h 40 min with the default, and its own 20 minutes fit `ingestOptions`' four hours too.
 */
const MAX_SLOW_WAITING = 8;

/**
 * The server's readers serve many systems, of which some send what hangs. Those that wait for their turn keep one of `ingest_concurrency`
 * each; a quarter is theirs at most, so that the others always find one.
 */
export function slowLane(settings: Settings, onSlow: (systemId: string) => void): SlowLaneOptions {
  const waiting = Math.min(MAX_SLOW_WAITING, Math.floor(settings.ingestConcurrency / 4));
  return { afterMs: SLOW_AFTER_MS, size: SLOW_READERS, waiting, onSlow };
}

/** Beside `reader_processes`: what is slow waits for what is slow. */
export const SLOW_READERS = 1;

/** Of a pool of readers, all but its size. */
export function readerOptions(settings: Settings): Omit<ReaderPoolOptions, 'size'> {
  return {
    memoryLimitMb: settings.readerMemoryMb,
    maxUploadBytes: settings.uploadMaxMb * 1024 ** 2,
    jobTimeoutMs: settings.readerTimeoutSeconds * 1000,
    external: externalReaders(settings),
  };
}

/** Where readers of databases from a newer DuckDB are looked for: the setting's, `PATH`, and what set-up installs. */
export function externalReaders({ readerCommand }: Settings): ExternalReaderOptions {
  return { command: readerCommand, pythonPath: wheelFolder('duckdb') };
}

/**
 * Raises `SettingsInvalid` for a pattern of `exclude_patterns` that is none. Here and not where settings are read, because only DuckDB,
 * in a process of its own, knows; no process is started where there are no patterns.
 */
export async function checkPatterns(settings: Settings): Promise<void> {
  if (settings.excludePatterns.length === 0) return;
  const reader = new ReaderPool({ size: 1, ...readerOptions(settings) });
  try {
    await reader.checkPatterns(settings.excludePatterns);
  } finally {
    await reader.close();
  }
}

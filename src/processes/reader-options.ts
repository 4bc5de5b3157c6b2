import type { Settings } from '../config/index.js';
import { ReaderPool, type ExternalReaderOptions, type ReaderPoolOptions } from '../reader/index.js';
import { wheelFolder } from '../servers/index.js';

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

import type { Settings } from './rules.js';

/** The time that ingest and tier transition go by, in milliseconds since 1970: the system's, or one that stands still. */
export function clockFrom(settings: Pick<Settings, 'clock'>): () => number {
  if (settings.clock === 'system') return Date.now;
  const instant = Date.parse(settings.clock);
  return () => instant;
}

import type { ObjectStore } from '../objects/index.js';
import type { ReaderPool } from '../reader/index.js';
import type { MemoryStore } from '../store/index.js';

/** A pino logger fits. */
export interface IngestLog {
  warn(details: Record<string, unknown>, message: string): void;
}

/** What ingest works with. */
export interface IngestContext {
  store: MemoryStore;
  /** `systems/` and `inbox/`. */
  uploads: ObjectStore;
  reader: ReaderPool;
  /** A folder for files in transit; emptied at start. */
  scratch: string;
  /** The setting's clock, milliseconds since 1970: decides own times and tiers. */
  clock: () => number;
  /** Told of single uploads that discovery could not read or finish. */
  log?: IngestLog;
}

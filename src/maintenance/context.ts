import type { ObjectStore } from '../objects/index.js';
import type { MemoryStore } from '../store/index.js';
import type { Pace } from './pace.js';

/** A pino logger fits. */
export interface MaintenanceLog {
  info(details: Record<string, unknown>, message: string): void;
  warn(details: Record<string, unknown>, message: string): void;
}

/** What maintenance works with. */
export interface MaintenanceContext {
  store: MemoryStore;
  /** `journal/` and `cold/`. */
  archive: ObjectStore;
  /** A folder for files in transit; emptied at start. */
  scratch: string;
  /** Rows per move: bounds memory, and how much a crash undoes. */
  batchRows: number;
  /** How long what was thawed stays where it was brought to, whatever its age, in milliseconds. */
  thawedMs: number;
  /** Absent: as fast as it goes. */
  pace?: Pace;
  /** The longest request and the longest search, in milliseconds: nothing reads a row that nobody has named for so long. */
  longestMs: number;
  /** The system's clock, milliseconds since 1970. */
  now: () => number;
  /** `archive` is on another machine, with a clock of its own. */
  archiveHasClock?: boolean;
  /** Told how many memories expired. */
  onExpired?: (memories: number) => void;
  /** Told of rows that cannot be moved. */
  log?: MaintenanceLog;
}

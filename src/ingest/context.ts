import type { SystemId } from '../contract/index.js';
import type { ObjectStore } from '../objects/index.js';
import type { ReaderPool } from '../reader/index.js';
import type { MemoryStore } from '../store/index.js';
import type { KnownManifests } from './known-manifests.js';
import type { UploadTraces } from './upload-traces.js';

/** A pino logger fits. */
export interface IngestLog {
  warn(details: Record<string, unknown>, message: string): void;
}

/** What a person watches from afar. */
export interface IngestEvents {
  /** An upload went to quarantine: once for each. */
  quarantined(): void;
  /** How many names the last look at a prefix came across that are no upload's. */
  skipped(prefix: string, names: number): void;
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
  /** Systems, by name or id, whose memories are deleted where a later upload lacks them; `*` is all. By default none. */
  mirrorSystems?: readonly string[];
  /** IANA zones of systems, by id, for uploads whose manifest does not say it, and rows whose sender does not. By default UTC. */
  timeZones?: ReadonlyMap<SystemId, string>;
  /** Told of single uploads that discovery could not read or finish, of names it skipped, and of each quarantine. */
  log?: IngestLog;
  events?: IngestEvents;
  traces?: UploadTraces;
  manifests?: KnownManifests;
}

/** The zone of a system's local times, where nobody says it with them. */
export function zoneOfSystem({ timeZones }: Pick<IngestContext, 'timeZones'>, systemId: SystemId): string {
  return timeZones?.get(systemId) ?? 'UTC';
}

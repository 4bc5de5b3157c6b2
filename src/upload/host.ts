import type { ObjectStore } from '../objects/index.js';
import type { ReaderPool, SnapshotRequest } from '../reader/index.js';
import type { Webhook } from './notices.js';
import type { MethodRules } from './methods/hybrid.js';
import type { SyncMethod } from './methods/method.js';
import type { UploadLog } from './options.js';
import type { Outbox } from './outbox/outbox.js';

/** One agent host: what it uploads, and with what. */
export interface Host {
  systemId: string;
  /** The outbox lies in `<dataDir>/agent/`. */
  dataDir: string;
  outbox: Outbox;
  /** Paths of the host's DuckDB files; one that does not exist is no error (`AKOSHA_DATABASES`). */
  databases: readonly string[];
  uploads: ObjectStore;
  reader: ReaderPool;
  /** What snapshots leave out, and how they are compressed; by default nothing, and gzip. */
  snapshot?: Pick<SnapshotRequest, 'exclude' | 'compression' | 'compressionLevel'>;
  /** IANA zone of the timestamps in the databases. */
  timeZone: string;
  /** What a snapshot takes for now: milliseconds since 1970. The outbox goes by the machine's own clock. */
  now(): number;
  /** Whether what was uploaded before is left out (`AKOSHA_ENABLE_DEDUPLICATION`). */
  deduplicate: boolean;
  /** An upload of which for so long no byte goes out counts as failed (`AKOSHA_UPLOAD_TIMEOUT_SECONDS`). */
  uploadTimeoutMs: number;
  /** Bytes of snapshots that may wait for delivery (`AKOSHA_OUTBOX_DISK_MB`). */
  outboxDiskBytes: number;
  log?: UploadLog;
  /** Who is told of each sync's end; absent: nobody. */
  webhook?: Webhook | undefined;
}

/** A host, and the ways in which its uploads travel, the most preferred first. */
export interface HostContext extends Host {
  methods: readonly SyncMethod[];
  rules: MethodRules;
}

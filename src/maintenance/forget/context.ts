import type { SystemId, UploadRef } from '../../contract/index.js';
import type { ObjectStore } from '../../objects/index.js';
import type { MaintenanceContext } from '../context.js';

/** What a forget needs of ingest, as `ForgetIntake` there has it. */
interface Intake {
  discover(systemId: SystemId | null, signal?: AbortSignal): Promise<void>;
  ingestPending(systemId: SystemId | null, before: number, signal?: AbortSignal): Promise<void>;
  deleteRaw(ref: UploadRef): Promise<void>;
  deleteUnfinished(systemId: SystemId, before: number, signal?: AbortSignal): Promise<number>;
}

/** What a forget works with. */
export interface ForgetContext extends MaintenanceContext {
  /** `systems/`. */
  uploads: ObjectStore;
  intake: Intake;
  /** Drops what searches derived of memories' texts and keep in memory. What is under way may keep some of it anew, until it ends. */
  dropDerived: () => void;
}

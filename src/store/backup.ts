/** What of the store cannot be made anew of objects, as a file: the ledger of uploads that are through, what people pinned, the models. */
export interface WrittenBackup {
  rows: number;
  /** Everything that changed up to here is in it. */
  seq: number;
  /** By the system's clock, milliseconds since 1970. */
  takenAt: number;
}

export interface BackupStore {
  /** How many things changed since what the last backup has of them. */
  unsaved(): Promise<number>;
  /** Writes all of it as one snapshot, in `BACKUP_FORMAT`. */
  writeBackup(file: string): Promise<WrittenBackup>;
  /** That backup is durable. */
  markSaved(seq: number): Promise<void>;
}

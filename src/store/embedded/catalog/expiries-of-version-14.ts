/** Memories that expired, as version 14 of the schema has them. For the migration alone. */
export const EXPIRIES_OF_VERSION_14 = `
ALTER TABLE uploads ADD COLUMN rows_expired INTEGER NOT NULL DEFAULT 0;
CREATE TABLE expiries (
  expiry_id TEXT PRIMARY KEY,
  decided_at INTEGER NOT NULL,
  decided_by TEXT NOT NULL,
  kept_days INTEGER NOT NULL,
  cutoff INTEGER NOT NULL,
  before_id INTEGER NOT NULL,
  ended_at INTEGER
) WITHOUT ROWID;
CREATE TABLE expired_memories (
  expiry_id TEXT NOT NULL REFERENCES expiries (expiry_id),
  system_id TEXT NOT NULL,
  memories INTEGER NOT NULL,
  PRIMARY KEY (expiry_id, system_id)
) WITHOUT ROWID;
`;

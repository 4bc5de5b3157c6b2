/** The brake and the reports of transitions, and what compaction asks of objects, as version 8 of the schema made them. For the migration alone: `SCHEMA` is how they are now. */
export const TRANSITIONS_OF_VERSION_8 = `
CREATE TABLE tier_pause (one INTEGER PRIMARY KEY CHECK (one = 1), since INTEGER NOT NULL, reason TEXT NOT NULL);
CREATE TABLE transitions (
  transition_id TEXT PRIMARY KEY,
  as_of INTEGER NOT NULL,
  begun_at INTEGER NOT NULL,
  ended_at INTEGER,
  outcome TEXT CHECK (outcome IN ('done', 'paused')),
  swept_rows INTEGER NOT NULL DEFAULT 0,
  swept_tables INTEGER NOT NULL DEFAULT 0,
  swept_objects INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE INDEX transitions_by_age ON transitions (begun_at);
CREATE TABLE transition_parts (
  transition_id TEXT NOT NULL REFERENCES transitions (transition_id) ON DELETE CASCADE,
  step TEXT NOT NULL,
  system_id TEXT NOT NULL,
  month TEXT NOT NULL,
  rows INTEGER NOT NULL,
  held INTEGER NOT NULL,
  objects INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  PRIMARY KEY (transition_id, step, system_id, month)
) WITHOUT ROWID;
ALTER TABLE objects ADD COLUMN rows INTEGER;
DROP INDEX placements_by_object;
CREATE INDEX placements_by_object ON placements (object_id, project) WHERE object_id IS NOT NULL;
`;

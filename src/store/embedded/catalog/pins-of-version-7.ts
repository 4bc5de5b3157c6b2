/** The pins as version 7 of the schema made them, whatever becomes of them later; and why rows are held. */
export const PINS_OF_VERSION_7 = `
CREATE TABLE pins (
  system_id TEXT NOT NULL,
  kind TEXT NOT NULL DEFAULT '',
  memory_id TEXT NOT NULL DEFAULT '',
  source TEXT NOT NULL CHECK (source IN ('pin', 'thaw')),
  tier TEXT CHECK (tier IN ('hot', 'warm')),
  since INTEGER NOT NULL,
  until INTEGER,
  reason TEXT,
  PRIMARY KEY (system_id, kind, memory_id, source)
) WITHOUT ROWID;
CREATE INDEX pins_ending ON pins (until) WHERE until IS NOT NULL;
ALTER TABLE held_rows ADD COLUMN reason TEXT;
`;

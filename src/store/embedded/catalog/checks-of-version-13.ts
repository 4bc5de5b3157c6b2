/** Scrubs and their findings, as version 13 of the schema made their tables. For the migration alone. */
export const CHECKS_OF_VERSION_13 = `
CREATE TABLE checks (
  check_id TEXT PRIMARY KEY,
  kind TEXT NOT NULL,
  begun_at INTEGER NOT NULL,
  ended_at INTEGER,
  passed INTEGER,
  report TEXT
) WITHOUT ROWID;
CREATE INDEX checks_by_age ON checks (kind, begun_at);
CREATE TABLE findings (
  finding_id INTEGER PRIMARY KEY AUTOINCREMENT,
  check_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  subject TEXT NOT NULL,
  expected TEXT NOT NULL,
  found TEXT NOT NULL,
  found_at INTEGER NOT NULL,
  released_at INTEGER,
  release_reason TEXT
);
CREATE UNIQUE INDEX findings_standing ON findings (kind, subject) WHERE released_at IS NULL;
CREATE INDEX findings_by_check ON findings (check_id);
`;

/** What scrubs came to, and what they found. */
export const CHECKS_SCHEMA = `
-- Scrubs and restore drills, by when they began; a report is JSON of its kind.
CREATE TABLE checks (
  check_id TEXT PRIMARY KEY,
  kind TEXT NOT NULL,
  begun_at INTEGER NOT NULL,
  ended_at INTEGER,
  passed INTEGER,
  report TEXT
) WITHOUT ROWID;
CREATE INDEX checks_by_age ON checks (kind, begun_at);

-- What is not as it should be. While one is not released nothing is moved, and nothing deleted but what is forgotten.
CREATE TABLE findings (
  finding_id INTEGER PRIMARY KEY AUTOINCREMENT,
  -- That found it last.
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

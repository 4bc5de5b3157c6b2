/** Operations, tombstones and forgets as version 5 of the schema has them, whatever becomes of them later. */
export const FORGETS_OF_VERSION_5 = `
ALTER TABLE uploads ADD COLUMN forgotten_rows INTEGER NOT NULL DEFAULT 0;
ALTER TABLE uploads ADD COLUMN forgotten_at INTEGER;
CREATE TABLE operations_5 (
  op_id INTEGER PRIMARY KEY,
  kind TEXT NOT NULL CHECK (kind IN ('ingest', 'move', 'cold', 'compact', 'erase', 'thaw', 'repair')),
  target TEXT NOT NULL,
  system_id TEXT,
  state TEXT NOT NULL CHECK (state IN ('open', 'committed', 'aborted')),
  lease_until INTEGER NOT NULL,
  closed_at INTEGER
);
INSERT INTO operations_5 SELECT op_id, kind, target, system_id, state, lease_until, closed_at FROM operations;
DROP TABLE operations;
ALTER TABLE operations_5 RENAME TO operations;
CREATE INDEX operations_open ON operations (target) WHERE state = 'open';
DROP TABLE tombstones;
CREATE TABLE tombstones (
  scope_id TEXT PRIMARY KEY,
  scope TEXT NOT NULL CHECK (scope IN ('system', 'project', 'memory')),
  system_id TEXT NOT NULL,
  project TEXT NOT NULL DEFAULT '',
  kind TEXT NOT NULL DEFAULT '',
  memory_id TEXT NOT NULL DEFAULT '',
  requested_at INTEGER NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('standing', 'erased'))
) WITHOUT ROWID;
CREATE UNIQUE INDEX tombstones_by_scope ON tombstones (system_id, scope, project, kind, memory_id);
CREATE TABLE forgets (
  scope_id TEXT NOT NULL,
  requested_at INTEGER NOT NULL,
  scope TEXT NOT NULL,
  counts TEXT NOT NULL,
  receipt TEXT,
  lifted_at INTEGER,
  PRIMARY KEY (scope_id, requested_at)
) WITHOUT ROWID;
CREATE TABLE forgotten_keys (
  scope_id TEXT NOT NULL,
  system_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  memory_id TEXT NOT NULL,
  before_op INTEGER NOT NULL,
  PRIMARY KEY (scope_id, system_id, kind, memory_id)
) WITHOUT ROWID;
`;

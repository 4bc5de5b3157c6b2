/** The table of uploads as version 2 of the schema has it, whatever becomes of it later; the indexes come once it has its name. */
export const UPLOADS_OF_VERSION_2 = {
  table: `
  CREATE TABLE uploads_2 (
    system_id TEXT NOT NULL,
    upload_id TEXT NOT NULL,
    system_folder TEXT,
    upload_folder TEXT,
    ord INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('pending', 'committed', 'receipted', 'done', 'raw_gone', 'quarantined', 'dropped')),
    manifest_sha256 TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    registered_at INTEGER NOT NULL,
    committed_at INTEGER,
    quarantined_at INTEGER,
    dropped_at INTEGER,
    dropped_by TEXT,
    drop_reason TEXT,
    attempts INTEGER NOT NULL DEFAULT 0,
    last_failure TEXT,
    again_requested_at INTEGER,
    again_times INTEGER NOT NULL DEFAULT 0,
    again_failure TEXT,
    first_ingest TEXT,
    mirrors TEXT NOT NULL DEFAULT '[]',
    files TEXT NOT NULL DEFAULT '[]',
    reader TEXT,
    reason TEXT,
    rows_new INTEGER NOT NULL DEFAULT 0,
    rows_changed INTEGER NOT NULL DEFAULT 0,
    rows_unchanged INTEGER NOT NULL DEFAULT 0,
    rows_refused INTEGER NOT NULL DEFAULT 0,
    rows_superseded INTEGER NOT NULL DEFAULT 0,
    rows_absent INTEGER NOT NULL DEFAULT 0,
    rows_deleted INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (system_id, upload_id)
  ) WITHOUT ROWID;`,
  indexes: `
  CREATE INDEX uploads_by_order ON uploads (system_id, ord);
  CREATE INDEX uploads_unfinished ON uploads (system_id, state, registered_at) WHERE state IN ('pending', 'committed', 'receipted');
  CREATE INDEX uploads_again ON uploads (system_id, ord, registered_at, again_requested_at) WHERE again_requested_at IS NOT NULL;
  CREATE INDEX uploads_by_state ON uploads (state, system_id, registered_at);
  CREATE INDEX uploads_by_age ON uploads (registered_at);
  CREATE INDEX uploads_by_system_age ON uploads (system_id, registered_at);
  CREATE INDEX uploads_by_id ON uploads (upload_id, registered_at);
  CREATE INDEX uploads_by_state_age ON uploads (state, registered_at);
  CREATE UNIQUE INDEX uploads_by_place ON uploads (system_folder, upload_folder) WHERE system_folder IS NOT NULL;`,
};

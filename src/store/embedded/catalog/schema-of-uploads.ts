/** What is known of uploads: the part of `SCHEMA` (schema.ts) that is their queue and their ledger. */
export const UPLOADS_SCHEMA = `
-- The ingest queue and, once committed, the ledger.
CREATE TABLE uploads (
  system_id TEXT NOT NULL,
  upload_id TEXT NOT NULL,
  -- The names of its folders; null where they are its ids.
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
  -- Of reading its files: begun and not done, and what the last of them failed with, if it told.
  attempts INTEGER NOT NULL DEFAULT 0,
  last_failure TEXT,
  -- Being ingested again: since when asked for, null where it is not; how often it was done, what the first ingest came to (JSON), and why
  -- the last request came to nothing. Its state stays what it is, because to all others it is as ingested as before.
  again_requested_at INTEGER,
  again_times INTEGER NOT NULL DEFAULT 0,
  again_failure TEXT,
  first_ingest TEXT,
  -- The kinds of which what it lacks is deleted.
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
  -- Of the refused those that are of what was forgotten: where there are any, its raw files go at once.
  forgotten_rows INTEGER NOT NULL DEFAULT 0,
  -- When a forget deleted its raw files: what it brought may be gone, so its host sends all of it again.
  forgotten_at INTEGER,
  -- What stands of its raw upload, as far as is known: all that was delivered; its manifest and receipt, or one of them, alone; nothing.
  raw_left TEXT NOT NULL DEFAULT 'all' CHECK (raw_left IN ('all', 'names', 'nothing')),
  -- Rows that were not placed, being older than memories are kept.
  rows_expired INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (system_id, upload_id)
) WITHOUT ROWID;
CREATE INDEX uploads_by_order ON uploads (system_id, ord);
-- The time is there so that a look at the queue reads the index alone.
CREATE INDEX uploads_unfinished ON uploads (system_id, state, registered_at) WHERE state IN ('pending', 'committed', 'receipted');
CREATE INDEX uploads_again ON uploads (system_id, ord, registered_at, again_requested_at) WHERE again_requested_at IS NOT NULL;
CREATE INDEX uploads_by_state ON uploads (state, system_id, registered_at);
-- For lists, the newest first: of all, of a system, of an id that several systems may have used, of a state. The primary key follows in each, and breaks ties.
CREATE INDEX uploads_by_age ON uploads (registered_at);
CREATE INDEX uploads_by_system_age ON uploads (system_id, registered_at);
CREATE INDEX uploads_by_id ON uploads (upload_id, registered_at);
CREATE INDEX uploads_by_state_age ON uploads (state, registered_at);
CREATE UNIQUE INDEX uploads_by_place ON uploads (system_folder, upload_folder) WHERE system_folder IS NOT NULL;
-- By when their days begin (see retention.ts), those whose raw files are to go; and those kept for their number, of each system a few at most.
CREATE INDEX uploads_expiring ON uploads (CASE WHEN state = 'raw_gone' OR forgotten_rows > 0 OR forgotten_at IS NOT NULL THEN 0
  ELSE coalesce(dropped_at, quarantined_at, committed_at) END)
WHERE raw_left = 'all' AND state IN ('done', 'raw_gone', 'quarantined', 'dropped');
CREATE INDEX uploads_outnumbered ON uploads (system_id, upload_id, ord) WHERE raw_left = 'names' AND forgotten_at IS NULL;

-- Orders that a later manifest names as its predecessor and that have not arrived.
CREATE TABLE gaps (system_id TEXT NOT NULL, ord INTEGER NOT NULL, PRIMARY KEY (system_id, ord)) WITHOUT ROWID;
`;

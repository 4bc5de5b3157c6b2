/** Per connection: the rows of ingests in progress, between open and commit. Lost with the process, as it should be. */
export const STAGING = `
CREATE TEMP TABLE incoming (
  stage TEXT NOT NULL,
  n INTEGER NOT NULL,
  kind TEXT NOT NULL,
  memory_id TEXT NOT NULL,
  hash TEXT NOT NULL,
  own_time INTEGER NOT NULL,
  project TEXT,
  -- Not in the upload: stands for the memory that the upload deletes.
  absent INTEGER NOT NULL DEFAULT 0,
  -- What it is, and the order, upload and content that it would be placed with now.
  pid INTEGER,
  class TEXT,
  ord INTEGER,
  upload_id TEXT,
  deletion INTEGER,
  -- What is written for it.
  row_id INTEGER,
  tier TEXT,
  written_ord INTEGER,
  written_upload_id TEXT,
  written_deletion INTEGER,
  PRIMARY KEY (stage, kind, memory_id)
) WITHOUT ROWID;
-- Of the memories that a reader was told to leave out where they are unchanged, those that the upload does not have like that.
CREATE TEMP TABLE missing (stage TEXT NOT NULL, pid INTEGER NOT NULL, PRIMARY KEY (stage, pid)) WITHOUT ROWID;
-- Placements that a forget or an expiry takes, within its transaction.
CREATE TEMP TABLE forgetting (pid INTEGER PRIMARY KEY);
-- Of each system the operation that placed rows of it last since this process began.
CREATE TEMP TABLE placed_by (system_id TEXT PRIMARY KEY, op_id INTEGER NOT NULL) WITHOUT ROWID;
CREATE TEMP TABLE incoming_texts (
  stage TEXT,
  n INTEGER,
  content TEXT,
  -- A JSON list.
  tags TEXT,
  -- Of the vector that came with it; null where none did.
  model TEXT,
  PRIMARY KEY (stage, n)
) WITHOUT ROWID;
`;

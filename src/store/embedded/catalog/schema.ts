import { CHECKS_SCHEMA } from './schema-of-checks.js';
import { UPLOADS_SCHEMA } from './schema-of-uploads.js';

/** The catalog's tables as a new catalog gets them. A change here needs a migration, which makes the same of one that exists. */
export const SCHEMA = `
CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;

CREATE TABLE systems (
  system_id TEXT PRIMARY KEY,
  -- What it calls itself; null where that is its id.
  name TEXT
) WITHOUT ROWID;
CREATE INDEX systems_renamed ON systems (system_id) WHERE name IS NOT NULL;

${UPLOADS_SCHEMA}
CREATE TABLE operations (
  op_id INTEGER PRIMARY KEY,
  kind TEXT NOT NULL CHECK (kind IN ('ingest', 'move', 'cold', 'compact', 'erase', 'thaw', 'repair')),
  target TEXT NOT NULL,
  system_id TEXT,
  state TEXT NOT NULL CHECK (state IN ('open', 'committed', 'aborted')),
  lease_until INTEGER NOT NULL,
  closed_at INTEGER
);
CREATE INDEX operations_open ON operations (target) WHERE state = 'open';

-- The rows of open moves: each row in at most one.
CREATE TABLE batch_rows (
  pid INTEGER PRIMARY KEY,
  op_id INTEGER NOT NULL REFERENCES operations (op_id),
  row_id INTEGER NOT NULL,
  new_row_id INTEGER NOT NULL
);
CREATE INDEX batch_rows_by_operation ON batch_rows (op_id);

-- Rows that could not be moved, when they are tried again, and why; null where that is not on record.
CREATE TABLE held_rows (pid INTEGER PRIMARY KEY, row_id INTEGER NOT NULL, until INTEGER NOT NULL, reason TEXT);

-- Memories that stay in their tier, by key, so that they outlive their versions: one, or all of a system, whose kind and id are empty.
-- Those of people (source pin) cannot be derived: a backup has to hold them.
CREATE TABLE pins (
  system_id TEXT NOT NULL,
  kind TEXT NOT NULL DEFAULT '',
  memory_id TEXT NOT NULL DEFAULT '',
  source TEXT NOT NULL CHECK (source IN ('pin', 'thaw')),
  -- The coldest that they may be in; null: whichever they are in.
  tier TEXT CHECK (tier IN ('hot', 'warm')),
  since INTEGER NOT NULL,
  until INTEGER,
  reason TEXT,
  PRIMARY KEY (system_id, kind, memory_id, source)
) WITHOUT ROWID;
CREATE INDEX pins_ending ON pins (until) WHERE until IS NOT NULL;

-- One row while moving between tiers is paused.
CREATE TABLE tier_pause (one INTEGER PRIMARY KEY CHECK (one = 1), since INTEGER NOT NULL, reason TEXT NOT NULL);

-- What transitions did, by system and month, counted by the transactions that did it.
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

-- Journal and cold objects that a committed operation placed.
CREATE TABLE objects (
  object_id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  op_id INTEGER NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('journal', 'cold')),
  system_id TEXT NOT NULL,
  bytes INTEGER NOT NULL,
  sha256 TEXT NOT NULL,
  min_own_time INTEGER NOT NULL,
  max_own_time INTEGER NOT NULL,
  -- That it holds, placed or not; null of journals, and where nobody counted them.
  rows INTEGER
);
CREATE INDEX objects_by_kind ON objects (kind, system_id);

-- For each memory the one row that counts.
CREATE TABLE placements (
  pid INTEGER PRIMARY KEY AUTOINCREMENT,
  system_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  memory_id TEXT NOT NULL,
  row_id INTEGER NOT NULL,
  hash TEXT NOT NULL,
  ord INTEGER NOT NULL,
  upload_id TEXT NOT NULL,
  deleted INTEGER NOT NULL DEFAULT 0,
  tier TEXT NOT NULL CHECK (tier IN ('hot', 'warm', 'cold')),
  object_id INTEGER REFERENCES objects (object_id),
  keeper_id INTEGER NOT NULL REFERENCES objects (object_id),
  own_time INTEGER NOT NULL,
  project TEXT,
  -- When an ingest first committed the memory, whatever became of its wording; by the system's clock. A rebuild
  -- that has no copy of it takes the time of the earliest receipt whose upload brought the memory.
  known_since INTEGER NOT NULL DEFAULT 0,
  CHECK ((tier = 'cold') = (object_id IS NOT NULL))
);
CREATE UNIQUE INDEX placements_by_key ON placements (system_id, kind, memory_id);
CREATE UNIQUE INDEX placements_by_row ON placements (row_id);
CREATE INDEX placements_by_age ON placements (tier, own_time);
CREATE INDEX placements_by_system_age ON placements (tier, system_id, own_time);
CREATE INDEX placements_by_keeper ON placements (keeper_id);
-- Without it the foreign key reads all placements for each object that goes. With the project, so that a search of one reads its objects alone.
CREATE INDEX placements_by_object ON placements (object_id, project) WHERE object_id IS NOT NULL;

-- How many memories stand in each tier, as the triggers keep it: to count a million takes seconds, and every look at the inbox tells it.
CREATE TABLE tier_counts (
  tier TEXT NOT NULL,
  kind TEXT NOT NULL,
  memories INTEGER NOT NULL,
  PRIMARY KEY (tier, kind)
) WITHOUT ROWID;
CREATE TRIGGER placements_count_in AFTER INSERT ON placements WHEN NEW.deleted = 0 BEGIN
  INSERT INTO tier_counts VALUES (NEW.tier, NEW.kind, 1) ON CONFLICT DO UPDATE SET memories = memories + 1;
END;
CREATE TRIGGER placements_count_over AFTER UPDATE OF tier, deleted ON placements
WHEN OLD.tier <> NEW.tier OR OLD.deleted <> NEW.deleted BEGIN
  UPDATE tier_counts SET memories = memories - 1 WHERE OLD.deleted = 0 AND tier = OLD.tier AND kind = OLD.kind;
  INSERT INTO tier_counts SELECT NEW.tier, NEW.kind, 1 WHERE NEW.deleted = 0
  ON CONFLICT DO UPDATE SET memories = memories + 1;
END;
CREATE TRIGGER placements_count_out AFTER DELETE ON placements WHEN OLD.deleted = 0 BEGIN
  UPDATE tier_counts SET memories = memories - 1 WHERE tier = OLD.tier AND kind = OLD.kind;
END;

-- The models whose vectors are here. Vectors of an old one are being deleted.
CREATE TABLE models (
  model_id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL UNIQUE,
  role TEXT NOT NULL CHECK (role IN ('current', 'next', 'old')),
  since INTEGER NOT NULL,
  total INTEGER NOT NULL
);
CREATE UNIQUE INDEX models_by_role ON models (role) WHERE role <> 'old';

-- Made by the server, of memories whose rows have none of the model. Derived.
CREATE TABLE vectors (
  model_id INTEGER NOT NULL REFERENCES models (model_id),
  pid INTEGER NOT NULL REFERENCES placements (pid) ON DELETE CASCADE,
  vector BLOB NOT NULL,
  PRIMARY KEY (model_id, pid)
) WITHOUT ROWID;
CREATE INDEX vectors_by_placement ON vectors (pid);

-- What lacks one.
CREATE TABLE vectors_waiting (
  model_id INTEGER NOT NULL REFERENCES models (model_id),
  pid INTEGER NOT NULL REFERENCES placements (pid) ON DELETE CASCADE,
  PRIMARY KEY (model_id, pid)
) WITHOUT ROWID;
CREATE INDEX vectors_waiting_by_placement ON vectors_waiting (pid);

-- What a derived index has to follow.
CREATE TABLE changes (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  pid INTEGER NOT NULL,
  row_id INTEGER NOT NULL,
  what TEXT NOT NULL CHECK (what IN ('placed', 'moved', 'removed')),
  at INTEGER NOT NULL
);

-- What is forgotten. The objects under tombstones/ are the authority; this is their copy.
CREATE TABLE tombstones (
  scope_id TEXT PRIMARY KEY,
  scope TEXT NOT NULL CHECK (scope IN ('system', 'project', 'memory')),
  -- Empty for a project of all systems.
  system_id TEXT NOT NULL,
  project TEXT NOT NULL DEFAULT '',
  kind TEXT NOT NULL DEFAULT '',
  memory_id TEXT NOT NULL DEFAULT '',
  requested_at INTEGER NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('standing', 'erased'))
) WITHOUT ROWID;
CREATE UNIQUE INDEX tombstones_by_scope ON tombstones (system_id, scope, project, kind, memory_id);

-- Each forget, from its transaction on, also of what was lifted since: what it removed so far, and its receipt once it is through (JSON).
CREATE TABLE forgets (
  scope_id TEXT NOT NULL,
  requested_at INTEGER NOT NULL,
  scope TEXT NOT NULL,
  counts TEXT NOT NULL,
  receipt TEXT,
  lifted_at INTEGER,
  -- When its tombstone stood: an upload that was taken in later was without what is forgotten.
  begun_at INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (scope_id, requested_at)
) WITHOUT ROWID;

-- Memories that a forget of a project removed, until it is lifted: rows of operations before this one go, and up to this place uploads are refused.
CREATE TABLE forgotten_keys (
  scope_id TEXT NOT NULL,
  system_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  memory_id TEXT NOT NULL,
  before_op INTEGER NOT NULL,
  ord INTEGER NOT NULL DEFAULT -1, upload_id TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (scope_id, system_id, kind, memory_id)
) WITHOUT ROWID;

-- What became older than memories are kept, each time that something did. The objects under retention/ are the authority; this is their copy.
CREATE TABLE expiries (
  expiry_id TEXT PRIMARY KEY,
  decided_at INTEGER NOT NULL,
  decided_by TEXT NOT NULL,
  kept_days INTEGER NOT NULL,
  -- Own times at or before it, of rows whose ids are below the other.
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

-- What changed since the last backup, of what cannot be made anew of objects: uploads that are through, one by one; the rest by its table.
CREATE TABLE unsaved (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  what TEXT NOT NULL,
  system_id TEXT NOT NULL DEFAULT '',
  upload_id TEXT NOT NULL DEFAULT '',
  UNIQUE (what, system_id, upload_id)
);
CREATE TRIGGER uploads_unsaved AFTER UPDATE OF state, again_requested_at ON uploads
WHEN NEW.state NOT IN ('committed', 'receipted') BEGIN
  DELETE FROM unsaved WHERE what = 'uploads' AND system_id = NEW.system_id AND upload_id = NEW.upload_id;
  INSERT INTO unsaved (what, system_id, upload_id) VALUES ('uploads', NEW.system_id, NEW.upload_id);
END;
CREATE TRIGGER pins_unsaved AFTER INSERT ON pins BEGIN
  DELETE FROM unsaved WHERE what = 'pins';
  INSERT INTO unsaved (what) VALUES ('pins');
END;
CREATE TRIGGER pins_changed_unsaved AFTER UPDATE ON pins BEGIN
  DELETE FROM unsaved WHERE what = 'pins';
  INSERT INTO unsaved (what) VALUES ('pins');
END;
CREATE TRIGGER pins_gone_unsaved AFTER DELETE ON pins BEGIN
  DELETE FROM unsaved WHERE what = 'pins';
  INSERT INTO unsaved (what) VALUES ('pins');
END;
CREATE TRIGGER models_unsaved AFTER UPDATE OF role ON models BEGIN
  DELETE FROM unsaved WHERE what = 'models';
  INSERT INTO unsaved (what) VALUES ('models');
END;

-- What the rebuild that made this store could not read and left out. Nothing names such an object, and it may be the only one with its rows: it
-- stays until a person has put it back and a later rebuild reads it whole, or deletes it.
CREATE TABLE damaged_objects (name TEXT PRIMARY KEY) WITHOUT ROWID;

-- What a sweep found to be named by nothing, and when first: it goes once nobody can still be reading it.
CREATE TABLE unnamed (
  what TEXT NOT NULL CHECK (what IN ('row', 'object')),
  id TEXT NOT NULL,
  since INTEGER NOT NULL,
  PRIMARY KEY (what, id)
) WITHOUT ROWID;

-- For the filter on a tag, whichever tier the row is in.
CREATE TABLE memory_tags (
  pid INTEGER NOT NULL REFERENCES placements (pid) ON DELETE CASCADE,
  tag TEXT NOT NULL,
  PRIMARY KEY (pid, tag)
) WITHOUT ROWID;
CREATE INDEX memory_tags_by_tag ON memory_tags (tag);

${CHECKS_SCHEMA}
-- What an older version placed: its words were not cut as they are now, and its tags not kept here.
CREATE TABLE memories_to_index (pid INTEGER PRIMARY KEY REFERENCES placements (pid) ON DELETE CASCADE);

-- Rowid = placements.pid; texts as they are cut into words. Contentless: the text itself stands once, in its tier.
CREATE VIRTUAL TABLE memory_text USING fts5 (
  content, content = '', contentless_delete = 1, tokenize = "unicode61 remove_diacritics 2"
);
`;

/** Ids of an epoch lie in one block of 2^36, below 2^53 for 131,071 epochs, so that they stay exact in a double. */
export const IDS_PER_EPOCH = 2 ** 36;

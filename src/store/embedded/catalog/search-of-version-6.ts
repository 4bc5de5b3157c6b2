/** What filters and words of a search need, as version 6 of the schema has it, whatever becomes of it later. */
export const SEARCH_OF_VERSION_6 = `
  ALTER TABLE placements ADD COLUMN known_since INTEGER NOT NULL DEFAULT 0;
  -- Of what changed before, the ingest that changed it: older ones left no trace in the catalog.
  UPDATE placements SET known_since = coalesce((SELECT coalesce(u.first_ingest ->> 'committedAt', u.committed_at) FROM uploads u
    WHERE u.system_id = placements.system_id AND u.upload_id = placements.upload_id), 0);
  CREATE TABLE memory_tags (
    pid INTEGER NOT NULL REFERENCES placements (pid) ON DELETE CASCADE,
    tag TEXT NOT NULL,
    PRIMARY KEY (pid, tag)
  ) WITHOUT ROWID;
  CREATE INDEX memory_tags_by_tag ON memory_tags (tag);
  CREATE TABLE memories_to_index (pid INTEGER PRIMARY KEY REFERENCES placements (pid) ON DELETE CASCADE);
  INSERT INTO memories_to_index SELECT pid FROM placements WHERE deleted = 0;`;

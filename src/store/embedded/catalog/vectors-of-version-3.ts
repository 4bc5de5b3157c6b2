/** The tables of vectors as version 3 of the schema has them, whatever becomes of them later. */
export const VECTORS_OF_VERSION_3 = `
  CREATE TABLE models (
    model_id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    role TEXT NOT NULL CHECK (role IN ('current', 'next', 'old')),
    since INTEGER NOT NULL,
    total INTEGER NOT NULL
  );
  CREATE UNIQUE INDEX models_by_role ON models (role) WHERE role <> 'old';
  CREATE TABLE vectors (
    model_id INTEGER NOT NULL REFERENCES models (model_id),
    pid INTEGER NOT NULL REFERENCES placements (pid) ON DELETE CASCADE,
    vector BLOB NOT NULL,
    PRIMARY KEY (model_id, pid)
  ) WITHOUT ROWID;
  CREATE INDEX vectors_by_placement ON vectors (pid);
  CREATE TABLE vectors_waiting (
    model_id INTEGER NOT NULL REFERENCES models (model_id),
    pid INTEGER NOT NULL REFERENCES placements (pid) ON DELETE CASCADE,
    PRIMARY KEY (model_id, pid)
  ) WITHOUT ROWID;
  CREATE INDEX vectors_waiting_by_placement ON vectors_waiting (pid);`;

/** Objects that a rebuild left out, as version 10 of the schema made their table. For the migration alone. */
export const DAMAGED_OF_VERSION_10 = `CREATE TABLE damaged_objects (name TEXT PRIMARY KEY) WITHOUT ROWID`;

/**
 * Since when a forget's tombstone stands, as version 12 of the schema has it. One of before has stood for long by the time of the migration.
 * For the migration alone.
 */
export const FORGETS_OF_VERSION_12 = `
ALTER TABLE forgets ADD COLUMN begun_at INTEGER NOT NULL DEFAULT 0;
UPDATE forgets SET begun_at = unixepoch() * 1000;
`;

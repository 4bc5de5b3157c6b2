/**
 * The place of the version that went with a project, as version 15 of the schema has it. Of what was removed before it is not known, and comes
 * before that of every upload. For the migration alone.
 */
export const FORGETS_OF_VERSION_15 = `
ALTER TABLE forgotten_keys ADD COLUMN ord INTEGER NOT NULL DEFAULT -1;
ALTER TABLE forgotten_keys ADD COLUMN upload_id TEXT NOT NULL DEFAULT '';
`;

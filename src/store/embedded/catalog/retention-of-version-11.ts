/** What stands of a raw upload, and which are due, as version 11 of the schema made it. For the migration alone. */
export const RETENTION_OF_VERSION_11 = `
ALTER TABLE uploads ADD COLUMN raw_left TEXT NOT NULL DEFAULT 'all' CHECK (raw_left IN ('all', 'names', 'nothing'));
UPDATE uploads SET raw_left = 'names' WHERE forgotten_at IS NOT NULL;
CREATE INDEX uploads_expiring ON uploads (CASE WHEN state = 'raw_gone' OR forgotten_rows > 0 OR forgotten_at IS NOT NULL THEN 0
  ELSE coalesce(dropped_at, quarantined_at, committed_at) END)
WHERE raw_left = 'all' AND state IN ('done', 'raw_gone', 'quarantined', 'dropped');
CREATE INDEX uploads_outnumbered ON uploads (system_id, upload_id, ord) WHERE raw_left = 'names' AND forgotten_at IS NULL;
`;

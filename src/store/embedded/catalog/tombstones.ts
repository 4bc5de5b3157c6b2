/**
 * Whether a row, of `incoming` or `placements`, is of what is forgotten; with `$system`. The first question is the same for all rows, so
 * SQLite asks it once.
 */
export function hasTombstone(row: string): string {
  return `(EXISTS (SELECT 1 FROM tombstones t WHERE t.system_id = $system AND t.state <> 'lifted') AND
    EXISTS (SELECT 1 FROM tombstones t WHERE t.system_id = $system AND t.state <> 'lifted' AND (
      t.scope = 'system' OR (t.scope = 'project' AND t.project = ${row}.project)
      OR (t.scope = 'memory' AND t.kind = ${row}.kind AND t.memory_id = ${row}.memory_id))))`;
}

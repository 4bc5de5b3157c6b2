/**
 * Whether a row, of `incoming` or `placements`, is of what is forgotten; with `$system`, or another expression for its system. The first question
 * is the same for all rows, so SQLite asks it once. A tombstone of a project of all systems has an empty system.
 */
export function hasTombstone(row: string, system = '$system'): string {
  return `(EXISTS (SELECT 1 FROM tombstones t WHERE t.system_id IN (${system}, '')) AND
    EXISTS (SELECT 1 FROM tombstones t WHERE t.system_id IN (${system}, '') AND (
      t.scope = 'system' OR (t.scope = 'project' AND t.project = ${row}.project)
      OR (t.scope = 'memory' AND t.kind = ${row}.kind AND t.memory_id = ${row}.memory_id))))`;
}

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

/**
 * Whether an upload's row of `incoming` is of a memory that went with a project, and no newer than the version that did. Such a row may be of another
 * project, or of none. As above, the first question is asked once.
 */
export const WENT_WITH_PROJECT = `(EXISTS (SELECT 1 FROM tombstones t WHERE t.system_id IN ($system, '') AND t.scope = 'project') AND
    EXISTS (SELECT 1 FROM tombstones t CROSS JOIN forgotten_keys k
      WHERE t.system_id IN ($system, '') AND t.scope = 'project' AND k.scope_id = t.scope_id AND k.system_id = $system
        AND k.kind = incoming.kind AND k.memory_id = incoming.memory_id AND ($order, $upload) <= (k.ord, k.upload_id)))`;

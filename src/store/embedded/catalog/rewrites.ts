import type { WrittenObject } from '../../store.js';
import type { CatalogDatabase } from './database.js';
import { closeOperation, openOperation, requireOpen, type OperationKind } from './operations.js';
import { noteObject } from './transitions.js';

/** Objects written anew as one, by a forget or a compaction. */

export interface OpenRewrite {
  kind: Extract<OperationKind, 'erase' | 'compact'>;
  systemId: string;
  sources: readonly string[];
  leaseUntil: number;
}

export interface OpenedRewrite {
  opId: number;
  objectKind: 'journal' | 'cold';
}

/** Step 1. Undefined where one of the sources is not on record, or they are of both kinds. */
export function openRewrite(db: CatalogDatabase, input: OpenRewrite): OpenedRewrite | undefined {
  const { kind, systemId, sources, leaseUntil } = input;
  return db.transaction(() => {
    const kinds = db.all<{ kind: 'journal' | 'cold'; n: number }>(
      `SELECT kind, count(*) AS n FROM objects WHERE name IN (SELECT value FROM json_each($sources)) AND system_id = $systemId
       GROUP BY kind`,
      { sources: JSON.stringify(sources), systemId },
    );
    const [of] = kinds;
    if (of === undefined || kinds.length > 1 || of.n !== sources.length) return undefined;
    const target = `rewrite/${sources[0] ?? ''}`;
    return { opId: openOperation(db, { kind, target, systemId, leaseUntil }), objectKind: of.kind };
  });
}

export interface CommitRewrite {
  opId: number;
  systemId: string;
  sources: readonly string[];
  object: WrittenObject;
  now: number;
  /** That it holds. */
  rows: number;
  /** Of a compaction: of which month, and in whose report it counts. */
  compacted: { month: string; transitionId: string | undefined } | undefined;
}

/**
 * Step 4: the new object keeps, and has, what the sources kept. No placement ever gets an object that stands already for its keeper, so
 * what a source keeps now it kept when the operation was opened: the new object holds its row. Returns how many those are.
 */
export function commitRewrite(db: CatalogDatabase, input: CommitRewrite): number {
  const { opId, systemId, object, now, compacted } = input;
  return db.transaction(() => {
    requireOpen(db, opId);
    const objectId = db.takeIds(1);
    const sources = JSON.stringify(input.sources);
    const named = 'name IN (SELECT value FROM json_each($sources))';
    db.run(
      `INSERT INTO objects (object_id, name, op_id, kind, system_id, bytes, sha256, min_own_time, max_own_time, rows)
       SELECT $objectId, $name, $opId, min(kind), $systemId, $bytes, $sha256, min(min_own_time), max(max_own_time),
         CASE min(kind) WHEN 'cold' THEN $rows END
       FROM objects WHERE ${named}`,
      { objectId, opId, systemId, sources, rows: input.rows, ...object },
    );
    const moved = db.run(
      `UPDATE placements SET keeper_id = $objectId, object_id = CASE WHEN object_id IS NULL THEN NULL ELSE $objectId END
       WHERE keeper_id IN (SELECT object_id FROM objects WHERE ${named})`,
      { objectId, sources },
    );
    if (compacted !== undefined) {
      const note = { transitionId: compacted.transitionId, step: 'compacted' } as const;
      noteObject(db, note, { systemId, month: compacted.month, bytes: object.bytes, rows: moved });
    }
    closeOperation(db, opId, 'committed', now);
    return moved;
  });
}

export function isKeeper(db: CatalogDatabase, name: string): boolean {
  return (
    db.number(
      `SELECT EXISTS (SELECT 1 FROM placements p JOIN objects o ON o.object_id = p.keeper_id WHERE o.name = $name)`,
      { name },
    ) === 1
  );
}

/** Objects that a placement names, behind `after`, in order. */
export function keepers(
  db: CatalogDatabase,
  after: number,
  limit: number,
): { objectId: number; name: string }[] {
  return db.all<{ objectId: number; name: string }>(
    `SELECT o.object_id AS objectId, o.name FROM objects o
     WHERE o.object_id > $after AND EXISTS (SELECT 1 FROM placements p WHERE p.keeper_id = o.object_id)
     ORDER BY o.object_id LIMIT $limit`,
    { after, limit },
  );
}

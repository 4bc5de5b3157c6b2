import {
  NOTHING_FORGOTTEN,
  type ForgetCounts,
  type ForgetScope,
  type Tier,
} from '../../../contract/index.js';
import type { CatalogDatabase } from './database.js';
import { closeOperation } from './operations.js';
import { removePlacements } from './removal.js';

/** A tombstone as its row has it; texts that a scope has not are empty, and so is the system where it is of all. */
export interface ScopeRow {
  scopeId: string;
  scope: ForgetScope['scope'];
  system: string;
  project: string;
  kind: string;
  memoryId: string;
}

interface Condition {
  sql: string;
  parameters: Record<string, string>;
}

/**
 * Which placements `p` are of a scope. One condition for each kind of scope, so that a memory's is a look at its key, and a system's goes through
 * no other's. A project has no index of its own: what is forgotten is rare, and the index would be written with every row.
 */
function inScope({ scope, system, project, kind, memoryId }: ScopeRow): Condition {
  const ofSystem = 'p.system_id = $system';
  switch (scope) {
    case 'system':
      return { sql: ofSystem, parameters: { system } };
    case 'project':
      return system === ''
        ? { sql: 'p.project = $project', parameters: { project } }
        : { sql: `${ofSystem} AND p.project = $project`, parameters: { system, project } };
    case 'memory':
      return {
        sql: `${ofSystem} AND p.kind = $kind AND p.memory_id = $memoryId`,
        parameters: { system, kind, memoryId },
      };
  }
}

export interface BeginForget {
  row: ScopeRow;
  /** As JSON, for the record. */
  scope: ForgetScope;
  requestedAt: number;
  now: number;
}

/**
 * Step 2, in one transaction: the tombstone stands; placements of the scope go with their words and vectors; whatever is under way in its
 * systems is aborted. Returns the operations that were. A second time it takes what has come since, which is nothing.
 */
export function beginForget(db: CatalogDatabase, input: BeginForget): number[] {
  const { row, requestedAt, now } = input;
  return db.transaction(() => {
    db.run(
      `INSERT INTO tombstones (scope_id, scope, system_id, project, kind, memory_id, requested_at, state)
       VALUES ($scopeId, $scope, $system, $project, $kind, $memoryId, $requestedAt, 'standing')
       ON CONFLICT (scope_id) DO UPDATE SET state = 'standing', requested_at = excluded.requested_at`,
      { ...row, requestedAt },
    );
    db.run(
      `INSERT INTO forgets (scope_id, requested_at, scope, counts, begun_at) VALUES ($scopeId, $requestedAt, $scope, $counts, $begunAt)
       ON CONFLICT DO UPDATE SET receipt = NULL, lifted_at = NULL`,
      {
        scopeId: row.scopeId,
        requestedAt,
        scope: JSON.stringify(input.scope),
        counts: JSON.stringify(NOTHING_FORGOTTEN),
        begunAt: Math.max(now, latestUpload(db, row.system)),
      },
    );
    const aborted = abortInScope(db, row.system, now);
    removeScope(db, input);
    return aborted;
  });
}

/** When the last of a scope's uploads was through. A clock that was set back since would leave its raw files out. */
function latestUpload(db: CatalogDatabase, system: string): number {
  return db.number(
    `SELECT coalesce(max(coalesce(committed_at, quarantined_at, dropped_at)), 0) FROM uploads WHERE $system = '' OR system_id = $system`,
    { system },
  );
}

/** What is of no single system, a move of hot rows, may hold rows of any. */
function abortInScope(db: CatalogDatabase, system: string, now: number): number[] {
  const open = db
    .all<{ op_id: number }>(
      `SELECT op_id FROM operations WHERE state = 'open' AND ($system = '' OR system_id IS NULL OR system_id = $system)`,
      { system },
    )
    .map(({ op_id }) => op_id);
  for (const opId of open) closeOperation(db, opId, 'aborted', now);
  return open;
}

function removeScope(db: CatalogDatabase, { row, requestedAt, now }: BeginForget): void {
  const { scopeId } = row;
  const { sql, parameters } = inScope(row);
  db.run('DELETE FROM forgetting');
  db.run(`INSERT INTO forgetting SELECT pid FROM placements p WHERE ${sql}`, parameters);
  const there = 'IN (SELECT pid FROM forgetting)';
  const counts = {
    ...NOTHING_FORGOTTEN,
    memories: countByTier(db, `deleted = 0 AND pid ${there}`),
    vectors: db.number(`SELECT count(*) FROM vectors WHERE pid ${there}`),
  };
  addCounts(db, { scopeId, requestedAt }, counts);
  const opId = db.takeIds(1);
  if (row.scope === 'project') {
    db.run(
      `INSERT INTO forgotten_keys (scope_id, system_id, kind, memory_id, before_op, ord, upload_id)
       SELECT $scopeId, system_id, kind, memory_id, $opId, ord, upload_id FROM placements WHERE pid ${there} ${REMOVED_AGAIN}`,
      { scopeId, opId },
    );
  }
  removePlacements(db, { opId, now });
}

/** Of a memory that is among the forgotten ones of the project already: the newer of both versions counts. */
export const REMOVED_AGAIN = `ON CONFLICT DO UPDATE SET before_op = excluded.before_op, ord = max(forgotten_keys.ord, excluded.ord),
  upload_id = CASE WHEN (excluded.ord, excluded.upload_id) > (forgotten_keys.ord, forgotten_keys.upload_id)
    THEN excluded.upload_id ELSE forgotten_keys.upload_id END`;

function countByTier(db: CatalogDatabase, where: string, parameters = {}): Record<Tier, number> {
  const counts = { hot: 0, warm: 0, cold: 0 };
  const rows = db.all<{ tier: Tier; n: number }>(
    `SELECT tier, count(*) AS n FROM placements p WHERE ${where} GROUP BY tier`,
    parameters,
  );
  for (const { tier, n } of rows) counts[tier] = n;
  return counts;
}

export interface ForgetKey {
  scopeId: string;
  requestedAt: number;
}

/** Inside the caller's transaction, or as one. */
export function addCounts(
  db: CatalogDatabase,
  { scopeId, requestedAt }: ForgetKey,
  more: Partial<ForgetCounts>,
): void {
  const row = db.get<{ counts: string }>(
    `SELECT counts FROM forgets WHERE scope_id = $scopeId AND requested_at = $requestedAt`,
    { scopeId, requestedAt },
  );
  if (row === undefined) return;
  const counts = sumCounts(JSON.parse(row.counts) as ForgetCounts, { ...NOTHING_FORGOTTEN, ...more });
  db.run(`UPDATE forgets SET counts = $counts WHERE scope_id = $scopeId AND requested_at = $requestedAt`, {
    scopeId,
    requestedAt,
    counts: JSON.stringify(counts),
  });
}

function sumCounts(a: ForgetCounts, b: ForgetCounts): ForgetCounts {
  return {
    memories: {
      hot: a.memories.hot + b.memories.hot,
      warm: a.memories.warm + b.memories.warm,
      cold: a.memories.cold + b.memories.cold,
    },
    vectors: a.vectors + b.vectors,
    rows: a.rows + b.rows,
    objectsDeleted: a.objectsDeleted + b.objectsDeleted,
    objectsRewritten: a.objectsRewritten + b.objectsRewritten,
    uploads: a.uploads + b.uploads,
  };
}

export interface Preview {
  memories: Record<Tier, number>;
  systems: number;
  objects: number;
  uploads: number;
}

export function previewForget(db: CatalogDatabase, row: ScopeRow): Preview {
  const { sql, parameters } = inScope(row);
  const ofSystem: Condition =
    row.system === ''
      ? { sql: '1', parameters: {} }
      : { sql: 'system_id = $system', parameters: { system: row.system } };
  return {
    memories: countByTier(db, `deleted = 0 AND ${sql}`, parameters),
    systems: db.number(`SELECT count(DISTINCT p.system_id) FROM placements p WHERE ${sql}`, parameters),
    // Both kinds are named for the index.
    objects: db.number(
      `SELECT count(*) FROM objects WHERE kind IN ('journal', 'cold') AND ${ofSystem.sql}`,
      ofSystem.parameters,
    ),
    uploads: db.number(
      `SELECT count(*) FROM uploads WHERE state NOT IN ('raw_gone', 'dropped') AND ${ofSystem.sql}`,
      ofSystem.parameters,
    ),
  };
}

/** How many placements of a scope there are, deleted ones included. */
export function countInScope(db: CatalogDatabase, row: ScopeRow): number {
  const { sql, parameters } = inScope(row);
  return db.number(`SELECT count(*) FROM placements p WHERE ${sql}`, parameters);
}

/** Entries of the text index that belong to no placement. */
export function countLostWords(db: CatalogDatabase): number {
  return db.number(
    `SELECT count(*) FROM memory_text_docsize d WHERE NOT EXISTS (SELECT 1 FROM placements p WHERE p.pid = d.id)`,
  );
}

/** Pages that one step of a merge writes: tens of milliseconds, in which the catalog's thread takes nothing else. */
const MERGED_PAGES = 256;

/** More than any index has. */
const ALL_PAGES = 2 ** 30;

/**
 * What was deleted from the text index is marked, and its words stand in the index's file until its parts are merged. Merges all parts (`begin`), or goes on with
 * that (`go on`), a few pages at a time; or does all of it at once (`whole`). Returns whether it did anything.
 */
export function mergeWords(db: CatalogDatabase, step: 'begin' | 'go on' | 'whole'): boolean {
  const total = (): number => db.number('SELECT total_changes()');
  const before = total();
  const pages = { begin: -MERGED_PAGES, 'go on': MERGED_PAGES, whole: -ALL_PAGES }[step];
  db.run(`INSERT INTO memory_text (memory_text, rank) VALUES ('merge', $pages)`, { pages });
  // The command itself counts as one change.
  return total() - before >= 2;
}

/**
 * Whether words of deleted texts stand in the text index: FTS5 keeps the marks of what was deleted from a part in pages of their own, whose numbers begin at 2^53
 * (`FTS5_TOMBSTONE_ROWID` of its source), and drops them with the part.
 */
export function hasDeletedWords(db: CatalogDatabase): boolean {
  return db.number('SELECT EXISTS (SELECT 1 FROM memory_text_data WHERE id >= 9007199254740992)') === 1;
}

/** Bytes of a step: as `MERGED_PAGES`. */
const OVERWRITTEN_BYTES = 16 * 2 ** 20;

/**
 * Overwrites pages of the file that came free, where words of long ago stand until a page is used again; returns whether there are more. They
 * are taken for zeros, all of them before any is given back.
 */
export function overwriteFreePages(db: CatalogDatabase): boolean {
  return db.transaction(() => {
    db.run('CREATE TABLE IF NOT EXISTS overwritten (zeros BLOB)');
    const free = db.number('PRAGMA freelist_count') * db.number('PRAGMA page_size');
    if (free > 0) {
      db.run('INSERT INTO overwritten VALUES (zeroblob($bytes))', {
        bytes: Math.min(free, OVERWRITTEN_BYTES),
      });
      if (free > OVERWRITTEN_BYTES) return true;
    }
    db.run('DROP TABLE overwritten');
    return false;
  });
}

export interface ForgottenKey {
  system: string;
  kind: string;
  memoryId: string;
  /** Rows of operations before this one are forgotten with it. */
  beforeOp: number;
}

/** The memories that a forget of a project removed, behind `after`, in order. */
export function forgottenKeys(
  db: CatalogDatabase,
  { scopeId, after, limit }: { scopeId: string; after: Omit<ForgottenKey, 'beforeOp'>; limit: number },
): ForgottenKey[] {
  return db.all<ForgottenKey>(
    `SELECT system_id AS system, kind, memory_id AS memoryId, before_op AS beforeOp FROM forgotten_keys
     WHERE scope_id = $scopeId AND (system_id, kind, memory_id) > ($system, $kind, $memoryId)
     ORDER BY system_id, kind, memory_id LIMIT $limit`,
    { scopeId, system: after.system, kind: after.kind, memoryId: after.memoryId, limit },
  );
}

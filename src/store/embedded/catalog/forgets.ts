import type { ForgetCounts, ForgetScope } from '../../../contract/index.js';
import type { ForgetReceipt } from '../../../memory/index.js';
import type { ForgetRecord, StandingTombstone } from '../../store.js';
import type { CatalogDatabase } from './database.js';
import type { ForgetKey, ScopeRow } from './forget.js';

/** What is on record of forgets. */

interface Row {
  scope_id: string;
  requested_at: number;
  scope: string;
  counts: string;
  receipt: string | null;
  lifted_at: number | null;
  begun_at: number;
}

export function getForget(db: CatalogDatabase, scopeId: string): ForgetRecord | undefined {
  const row = db.get<Row>(
    `SELECT * FROM forgets WHERE scope_id = $scopeId ORDER BY requested_at DESC LIMIT 1`,
    { scopeId },
  );
  return row && toRecord(row);
}

export function listForgets(db: CatalogDatabase, limit: number): ForgetRecord[] {
  return db
    .all<Row>(`SELECT * FROM forgets ORDER BY requested_at DESC, scope_id LIMIT $limit`, { limit })
    .map(toRecord);
}

function toRecord(row: Row): ForgetRecord {
  return {
    scopeId: row.scope_id,
    requestedAt: row.requested_at,
    scope: JSON.parse(row.scope) as ForgetScope,
    counts: JSON.parse(row.counts) as ForgetCounts,
    receipt: row.receipt === null ? null : (JSON.parse(row.receipt) as ForgetReceipt),
    liftedAt: row.lifted_at,
    begunAt: row.begun_at,
  };
}

export function tombstones(db: CatalogDatabase): StandingTombstone[] {
  return db
    .all<{ scopeId: string; requestedAt: number; scope: string; state: StandingTombstone['state'] }>(
      `SELECT t.scope_id AS scopeId, t.requested_at AS requestedAt, f.scope, t.state
       FROM tombstones t JOIN forgets f ON f.scope_id = t.scope_id AND f.requested_at = t.requested_at
       ORDER BY t.requested_at, t.scope_id`,
    )
    .map((row) => ({ ...row, scope: JSON.parse(row.scope) as ForgetScope }));
}

/** Step 6. One that was lifted meanwhile has no tombstone, and its receipt says what was erased all the same. */
export function finishForget(
  db: CatalogDatabase,
  { scopeId, requestedAt, receipt }: ForgetKey & { receipt: ForgetReceipt },
): void {
  db.transaction(() => {
    db.run(
      `UPDATE forgets SET receipt = $receipt WHERE scope_id = $scopeId AND requested_at = $requestedAt`,
      {
        scopeId,
        requestedAt,
        receipt: JSON.stringify(receipt),
      },
    );
    db.run(
      `UPDATE tombstones SET state = 'erased' WHERE scope_id = $scopeId AND requested_at = $requestedAt`,
      {
        scopeId,
        requestedAt,
      },
    );
  });
}

export function liftForget(db: CatalogDatabase, scopeId: string, now: number): boolean {
  return db.transaction(() => {
    db.run(`UPDATE forgets SET lifted_at = $now WHERE scope_id = $scopeId AND lifted_at IS NULL`, {
      scopeId,
      now,
    });
    db.run(`DELETE FROM forgotten_keys WHERE scope_id = $scopeId`, { scopeId });
    return db.run(`DELETE FROM tombstones WHERE scope_id = $scopeId`, { scopeId }) > 0;
  });
}

export interface LoadedTombstone {
  row: ScopeRow;
  scope: ForgetScope;
  requestedAt: number;
  counts: ForgetCounts;
  receipt: ForgetReceipt | null;
}

/** The objects are the authority: what has none does not stand, whatever was here. */
export function loadTombstones(db: CatalogDatabase, standing: readonly LoadedTombstone[], now: number): void {
  db.transaction(() => {
    db.run('DELETE FROM tombstones');
    for (const { row, scope, requestedAt, counts, receipt } of standing) {
      db.run(
        `INSERT INTO tombstones (scope_id, scope, system_id, project, kind, memory_id, requested_at, state)
         VALUES ($scopeId, $scope, $system, $project, $kind, $memoryId, $requestedAt, $state)`,
        { ...row, requestedAt, state: receipt === null ? 'standing' : 'erased' },
      );
      db.run(
        `INSERT INTO forgets (scope_id, requested_at, scope, counts, receipt, begun_at)
         VALUES ($scopeId, $requestedAt, $scope, $counts, $receipt, $now)
         ON CONFLICT DO UPDATE SET receipt = excluded.receipt, lifted_at = NULL`,
        {
          scopeId: row.scopeId,
          requestedAt,
          scope: JSON.stringify(scope),
          counts: JSON.stringify(counts),
          receipt: receipt === null ? null : JSON.stringify(receipt),
          now,
        },
      );
    }
  });
}

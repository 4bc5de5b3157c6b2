import { AkoshaError } from '../../../contract/index.js';
import type { CatalogDatabase } from './database.js';

export type OperationKind = 'ingest' | 'move' | 'cold' | 'compact' | 'erase' | 'thaw' | 'repair';

export interface OpenOperation {
  kind: OperationKind;
  /** What it works on: at most one operation is open per target. */
  target: string;
  systemId: string | null;
  leaseUntil: number;
}

/** Opens an operation, inside the caller's transaction. Older ones on the target must have been closed before. */
export function openOperation(db: CatalogDatabase, input: OpenOperation): number {
  if (openOperations(db, input.target).length > 0) {
    throw new AkoshaError('OperationClosed', `another operation on ${input.target} is open`);
  }
  const opId = db.takeIds(1);
  db.run(
    `INSERT INTO operations (op_id, kind, target, system_id, state, lease_until)
     VALUES ($opId, $kind, $target, $systemId, 'open', $leaseUntil)`,
    {
      opId,
      kind: input.kind,
      target: input.target,
      systemId: input.systemId,
      leaseUntil: input.leaseUntil,
    },
  );
  return opId;
}

export function openOperations(db: CatalogDatabase, target: string): number[] {
  return db
    .all<{ op_id: number }>(`SELECT op_id FROM operations WHERE state = 'open' AND target = $target`, {
      target,
    })
    .map((row) => row.op_id);
}

/** Operations whose lease ran out: their attempt died or hangs. */
export function expiredOperations(db: CatalogDatabase, now: number): number[] {
  return db
    .all<{ op_id: number }>(`SELECT op_id FROM operations WHERE state = 'open' AND lease_until < $now`, {
      now,
    })
    .map((row) => row.op_id);
}

/** A commit must find its operation open, in its own transaction. */
export function requireOpen(db: CatalogDatabase, opId: number): void {
  const row = db.get<{ state: string }>(`SELECT state FROM operations WHERE op_id = $opId`, { opId });
  if (row?.state !== 'open')
    throw new AkoshaError('OperationClosed', `operation ${opId} is ${row?.state ?? 'unknown'}`);
}

/** Closes an operation, inside the caller's transaction; one that is closed already stays as it is. */
export function closeOperation(
  db: CatalogDatabase,
  opId: number,
  state: 'committed' | 'aborted',
  now: number,
): void {
  db.run(`UPDATE operations SET state = $state, closed_at = $now WHERE op_id = $opId AND state = 'open'`, {
    opId,
    state,
    now,
  });
  db.run(`DELETE FROM batch_rows WHERE op_id = $opId`, { opId });
}

export function abortOperation(db: CatalogDatabase, opId: number, now: number): void {
  db.transaction(() => {
    closeOperation(db, opId, 'aborted', now);
  });
}

/** After a restart nothing of the last process is under way: what it left open is dead. */
export function abortAllOperations(db: CatalogDatabase, now: number): number {
  return db.transaction(() => {
    const open = db.all<{ op_id: number }>(`SELECT op_id FROM operations WHERE state = 'open'`);
    for (const { op_id } of open) closeOperation(db, op_id, 'aborted', now);
    return open.length;
  });
}

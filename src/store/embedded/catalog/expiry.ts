import type { Expiry, ExpiryReceipt } from '../../../memory/index.js';
import type { ExpiredBatch, KnownTimes } from '../../expiry.js';
import type { CatalogDatabase } from './database.js';
import { NOT_STOPPED } from './findings.js';
import { NOT_KEPT } from './pins.js';
import { removePlacements } from './removal.js';
import { notePlacements, pauseTiers } from './transitions.js';

/**
 * Placements `p` whose days are over; with `$cutoff`. None of an upload that lacks its receipt: a rebuild ingests that anew, and would count other
 * than its commit did.
 */
const OVER = `p.own_time <= $cutoff AND ${NOT_KEPT} AND NOT EXISTS (SELECT 1 FROM uploads u
  WHERE u.system_id = p.system_id AND u.upload_id = p.upload_id AND u.state = 'committed')`;

const DAY_MS = 86_400_000;

/** By tier, so that the index by age leads to them. */
const OF_ALL_TIERS = `p.tier IN ('hot', 'warm', 'cold')`;

/** Deleted ones are no memories. */
export function countExpiring(db: CatalogDatabase, cutoff: number): number {
  return db.number(
    `SELECT count(*) FROM placements p INDEXED BY placements_by_age WHERE ${OF_ALL_TIERS} AND ${OVER} AND p.deleted = 0`,
    { cutoff },
  );
}

/**
 * By two clocks: a host's that is ahead is no later than the server's when it heard of the upload, and a server's that was ahead no later than the
 * host's. Reads the whole ledger: a second for a million uploads, once a day.
 */
const NEWEST_UPLOAD = `(SELECT max(min(created_at, registered_at)) FROM uploads)`;

export function knownTimes(db: CatalogDatabase): KnownTimes {
  const times = db.get<KnownTimes>(
    `SELECT ${NEWEST_UPLOAD} AS newestUpload,
       (SELECT value FROM meta WHERE key = 'expiry_looked_at') AS lastLook`,
  );
  return times ?? { newestUpload: null, lastLook: null };
}

const PINS_ARE_SAVED = `NOT EXISTS (SELECT 1 FROM unsaved WHERE what = 'pins')`;

export function arePinsSaved(db: CatalogDatabase): boolean {
  return db.number(`SELECT ${PINS_ARE_SAVED}`) === 1;
}

/** A store that was made, rebuilt or brought to this version just now: its first look is as far from something as any other. */
export function seedLook(db: CatalogDatabase, now: number): void {
  db.run(
    `INSERT INTO meta SELECT 'expiry_looked_at', coalesce(${NEWEST_UPLOAD}, $now)
     WHERE NOT EXISTS (SELECT 1 FROM meta WHERE key = 'expiry_looked_at')`,
    { now },
  );
}

/** Never takes its time back. */
export function noteLook(db: CatalogDatabase, time: number): void {
  db.run(
    `INSERT INTO meta VALUES ('expiry_looked_at', $time) ON CONFLICT DO UPDATE SET value = max(value, excluded.value)`,
    { time },
  );
}

/** An id for it, above those of all rows that were written. */
export function takeExpiryId(db: CatalogDatabase): number {
  return db.transaction(() => db.takeIds(1));
}

export function beginExpiry(db: CatalogDatabase, receipt: ExpiryReceipt): void {
  db.transaction(() => noteExpiry(db, receipt));
}

function noteExpiry(db: CatalogDatabase, { memories, calledOff: _told, ...expiry }: ExpiryReceipt): void {
  db.run(
    `INSERT INTO expiries (expiry_id, decided_at, decided_by, kept_days, cutoff, before_id, ended_at)
     VALUES ($id, $decidedAt, $by, $keptDays, $cutoff, $beforeId, $endedAt) ON CONFLICT DO NOTHING`,
    { ...expiry },
  );
  db.run(
    `INSERT INTO expired_memories SELECT $id, key, value FROM json_each($memories) WHERE true ON CONFLICT DO NOTHING`,
    { id: expiry.id, memories: JSON.stringify(memories) },
  );
}

interface BatchInput {
  expiryId: string;
  limit: number;
  transitionId?: string | undefined;
  now: number;
  /** What is younger is kept by what the setting says now, whatever it said when the expiry was decided; null: everything. */
  keptSince: number | null;
}

/** As those who carry an expiry out learn of them between its batches: moving is stopped or paused, or a pin came that no rebuild would know. */
const MAY_GO_ON = `${NOT_STOPPED} AND NOT EXISTS (SELECT 1 FROM tier_pause) AND ${PINS_ARE_SAVED}`;

/**
 * In one transaction: the next placements of an expiry go, with their words and vectors, and are counted by system. Their rows, and the
 * objects that keep nothing else, are garbage from here on.
 */
export function expireBatch(db: CatalogDatabase, input: BatchInput): ExpiredBatch {
  return db.transaction(() => {
    if (db.number(`SELECT ${MAY_GO_ON}`) === 0) return { rows: 0, state: 'held' };
    const rows = expireNext(db, input);
    // All pins were saved, and only thaws went with the memories, of which no backup tells.
    db.run(`DELETE FROM unsaved WHERE what = 'pins'`);
    if (rows > 0) return { rows, state: 'open' };
    const { expiryId, keptSince } = input;
    const cutoff = db.number(`SELECT cutoff FROM expiries WHERE expiry_id = $expiryId`, { expiryId });
    return { rows, state: keptSince === null || keptSince < cutoff ? 'called_off' : 'done' };
  });
}

function expireNext(
  db: CatalogDatabase,
  { expiryId, limit, transitionId, now, keptSince }: BatchInput,
): number {
  const expiry = db.get<{ cutoff: number; before_id: number }>(
    `SELECT cutoff, before_id FROM expiries WHERE expiry_id = $expiryId`,
    { expiryId },
  );
  if (expiry === undefined || keptSince === null) return 0;
  const cutoff = Math.min(expiry.cutoff, keptSince);
  db.run(`DELETE FROM forgetting`);
  const chosen = db.run(
    `INSERT INTO forgetting SELECT p.pid FROM placements p INDEXED BY placements_by_age
     WHERE ${OF_ALL_TIERS} AND ${OVER} AND p.row_id < $beforeId LIMIT $limit`,
    { cutoff, beforeId: expiry.before_id, limit },
  );
  if (chosen === 0) return 0;
  const gone = `forgetting f CROSS JOIN placements p ON p.pid = f.pid AND p.deleted = 0`;
  db.run(
    `INSERT INTO expired_memories SELECT $expiryId, p.system_id, count(*) FROM ${gone} GROUP BY 2
     ON CONFLICT DO UPDATE SET memories = memories + excluded.memories`,
    { expiryId },
  );
  notePlacements(db, { transitionId, step: 'expired' }, 'rows', { sql: gone, parameters: {} });
  removePlacements(db, { opId: db.takeIds(1), now });
  return chosen;
}

export function expiredMemories(db: CatalogDatabase, expiryId: string): ExpiryReceipt['memories'] {
  const counts = db.all<{ system_id: string; memories: number }>(
    `SELECT system_id, memories FROM expired_memories WHERE expiry_id = $expiryId ORDER BY system_id`,
    { expiryId },
  );
  return Object.fromEntries(counts.map(({ system_id, memories }) => [system_id, memories]));
}

export function endExpiry(db: CatalogDatabase, expiryId: string, endedAt: number): void {
  db.run(`UPDATE expiries SET ended_at = $endedAt WHERE expiry_id = $expiryId`, { expiryId, endedAt });
}

export function expiryIds(db: CatalogDatabase): string[] {
  return db.all<{ id: string }>(`SELECT expiry_id AS id FROM expiries`).map(({ id }) => id);
}

interface ExpiryRow {
  expiry_id: string;
  decided_at: number;
  decided_by: string;
  kept_days: number;
  cutoff: number;
  before_id: number;
  ended_at: number | null;
}

export function openExpiries(db: CatalogDatabase): Expiry[] {
  return db
    .all<ExpiryRow>(`SELECT * FROM expiries WHERE ended_at IS NULL ORDER BY decided_at, expiry_id`)
    .map(toExpiry);
}

function toExpiry(row: ExpiryRow): Expiry {
  return {
    id: row.expiry_id,
    decidedAt: row.decided_at,
    by: row.decided_by,
    keptDays: row.kept_days,
    cutoff: row.cutoff,
    beforeId: row.before_id,
  };
}

/** The objects are the authority. */
export function loadExpiries(db: CatalogDatabase, receipts: readonly ExpiryReceipt[]): void {
  db.transaction(() => {
    db.run(`DELETE FROM expired_memories`);
    db.run(`DELETE FROM expiries`);
    for (const receipt of receipts) {
      noteExpiry(db, receipt);
      noteLook(db, receipt.cutoff + receipt.keptDays * DAY_MS);
    }
  });
}

const PINS_MAY_BE_MISSING =
  'the rebuild found no backup from after the last expiry: pins may be missing, and what they kept would expire; pin again what is to stay (`akosha pin`), then `akosha tiers resume`';

/**
 * For the end of a rebuild, inside its transaction: what had expired was placed with all that stands, so that no older version of it comes in
 * its place, and goes now. No further than memories are kept by now: what a pin spared, and longer days since, stands as it stood. Without a backup
 * from after the last expiry nobody knows what a pin had spared: all of it stands again, for the next look to decide, once a person said so.
 */
export function expireRebuilt(
  db: CatalogDatabase,
  { now, keptSince }: { now: number; keptSince: number | null },
): void {
  if (keptSince === null) return;
  const all = db.all<ExpiryRow>(`SELECT * FROM expiries ORDER BY decided_at, expiry_id`);
  const [backup] = db.all<{ value: number }>(`SELECT value FROM meta WHERE key = 'rebuild_backup_at'`);
  if (backup !== undefined && all.every((expiry) => expiry.decided_at <= backup.value)) {
    for (const { expiry_id: expiryId } of all) expireNext(db, { expiryId, limit: -1, now, keptSince });
    return;
  }
  // By the clock of now, or where that is behind, by what was decided.
  const cutoff = Math.max(keptSince, ...all.map((expiry) => expiry.cutoff));
  if (countExpiring(db, cutoff) > 0) pauseTiers(db, PINS_MAY_BE_MISSING, now);
}

/**
 * Rows of an upload whose own time is at or before this instant, and of whose memory none stands, are not placed: they have expired. As far
 * as an expiry was decided, and no further than memories are kept by now: where the setting was raised since, what is sent again comes back.
 */
export function expiredUntil(db: CatalogDatabase, keptSince: number | null): number {
  const decided = db.number(`SELECT coalesce(max(cutoff), $never) FROM expiries`, { never: NEVER });
  return keptSince === null ? NEVER : Math.min(decided, keptSince);
}

/** Before all times of which the store knows. */
const NEVER = Number.MIN_SAFE_INTEGER;

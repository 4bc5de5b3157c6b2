import { type TransitionCounts, type TransitionPart } from '../../../contract/index.js';
import type { TierPause, TransitionOutcome, TransitionReport } from '../../store.js';
import type { CatalogDatabase } from './database.js';
import { describeStop, movingStop, requireNotStopped } from './findings.js';

/** What a scrub found stops moving as well, whatever anybody resumes, until a person releases it. */
export function tierPause(db: CatalogDatabase): TierPause | undefined {
  const stop = movingStop(db);
  if (stop !== undefined) return { since: stop.since, reason: describeStop(stop) };
  return db.get<TierPause>('SELECT since, reason FROM tier_pause');
}

export function pauseTiers(db: CatalogDatabase, reason: string, now: number): TierPause {
  db.run(
    `INSERT INTO tier_pause VALUES (1, $now, $reason) ON CONFLICT DO UPDATE SET reason = excluded.reason`,
    { now, reason },
  );
  return db.get<TierPause>('SELECT since, reason FROM tier_pause') ?? { since: now, reason };
}

/** Raises `MovingStopped` where a scrub has stopped it: a pause that was ended would look like moving that goes on. */
export function resumeTiers(db: CatalogDatabase): boolean {
  requireNotStopped(db);
  return db.run('DELETE FROM tier_pause') > 0;
}

export function beginTransition(
  db: CatalogDatabase,
  { transitionId, asOf, now }: { transitionId: string; asOf: number; now: number },
): void {
  db.run(
    `INSERT INTO transitions (transition_id, as_of, begun_at) VALUES ($transitionId, $asOf, $now) ON CONFLICT DO NOTHING`,
    { transitionId, asOf, now },
  );
}

export function endTransition(
  db: CatalogDatabase,
  input: {
    transitionId: string;
    outcome: TransitionOutcome;
    swept: TransitionReport['swept'];
    now: number;
  },
): void {
  const { transitionId, outcome, swept, now } = input;
  db.run(
    `UPDATE transitions SET ended_at = $now, outcome = $outcome, swept_rows = $rows, swept_tables = $tables,
       swept_objects = $objects WHERE transition_id = $transitionId`,
    { transitionId, outcome, now, ...swept },
  );
}

interface ReportRow {
  transition_id: string;
  as_of: number;
  begun_at: number;
  ended_at: number | null;
  outcome: TransitionOutcome | null;
  swept_rows: number;
  swept_tables: number;
  swept_objects: number;
}

export function transitionReports(
  db: CatalogDatabase,
  { limit, parts, transitionId: only }: { limit: number; parts: number; transitionId?: string },
): TransitionReport[] {
  const rows = db.all<ReportRow>(
    `SELECT * FROM transitions ${only === undefined ? '' : 'WHERE transition_id = $only'}
     ORDER BY begun_at DESC, transition_id DESC LIMIT $limit`,
    { limit, ...(only === undefined ? {} : { only }) },
  );
  return rows.map((row) => {
    const transitionId = row.transition_id;
    const told = db.all<TransitionPart>(
      `SELECT step, system_id AS systemId, month, rows, held, objects, bytes FROM transition_parts
       WHERE transition_id = $transitionId ORDER BY step, system_id, month LIMIT $parts`,
      { transitionId, parts },
    );
    const standing = db.number('SELECT count(*) FROM transition_parts WHERE transition_id = $transitionId', {
      transitionId,
    });
    return {
      transitionId,
      asOf: row.as_of,
      begunAt: row.begun_at,
      endedAt: row.ended_at,
      outcome: row.outcome,
      swept: { rows: row.swept_rows, tables: row.swept_tables, objects: row.swept_objects },
      totals: totalsOf(db, transitionId),
      parts: told,
      partsLeftOut: standing - told.length,
    };
  });
}

function totalsOf(db: CatalogDatabase, transitionId: string): TransitionCounts {
  const of = (column: string, where: string): string => `coalesce(sum(${column}) FILTER (WHERE ${where}), 0)`;
  const totals = db.get<TransitionCounts>(
    `SELECT ${of('rows', `step = 'warm'`)} AS toWarm, ${of('rows', `step = 'cold'`)} AS toCold,
       ${of('rows', `step = 'compacted'`)} AS compacted,
       ${of('rows', `step = 'expired'`)} AS expired,
       ${of('held', 'true')} AS held, ${of('objects', 'true')} AS objects, ${of('bytes', 'true')} AS bytes
     FROM transition_parts WHERE transition_id = $transitionId`,
    { transitionId },
  );
  return totals ?? { toWarm: 0, toCold: 0, compacted: 0, expired: 0, held: 0, objects: 0, bytes: 0 };
}

/** Where a part's counts are noted, inside the transaction of what they count. A transition that nobody began has no report. */
export interface PartNote {
  transitionId: string | undefined;
  step: TransitionPart['step'];
}

const ADDED = `ON CONFLICT DO UPDATE SET rows = rows + excluded.rows, held = held + excluded.held,
  objects = objects + excluded.objects, bytes = bytes + excluded.bytes`;

/** Of the own time of placements `p`, as in `2026-11`. */
export const MONTH = `strftime('%Y-%m', p.own_time / 1000, 'unixepoch')`;

/** Adds what placements `p` of `from` count, by system and month: `counted` is `rows` or `held`. */
export function notePlacements(
  db: CatalogDatabase,
  note: PartNote | undefined,
  counted: 'rows' | 'held',
  from: { sql: string; parameters: Record<string, string | number> },
): void {
  if (note?.transitionId === undefined) return;
  const { transitionId, step } = note;
  db.run(
    `INSERT INTO transition_parts (transition_id, step, system_id, month, rows, held, objects, bytes)
     SELECT t.transition_id, $step, p.system_id, ${MONTH}, ${counted === 'rows' ? 'count(*), 0' : '0, count(*)'}, 0, 0
     FROM ${from.sql} JOIN transitions t ON t.transition_id = $transitionId GROUP BY 3, 4 ${ADDED}`,
    { ...from.parameters, transitionId, step },
  );
}

/** Adds an object that was written. */
export function noteObject(
  db: CatalogDatabase,
  { transitionId, step }: PartNote,
  { systemId, month, bytes, rows = 0 }: { systemId: string; month: string; bytes: number; rows?: number },
): void {
  if (transitionId === undefined) return;
  db.run(
    `INSERT INTO transition_parts (transition_id, step, system_id, month, rows, held, objects, bytes)
     SELECT transition_id, $step, $systemId, $month, $rows, 0, 1, $bytes FROM transitions
     WHERE transition_id = $transitionId ${ADDED}`,
    { transitionId, step, systemId, month, bytes, rows },
  );
}

/** By day there are 24 runs of the schedule; an operator asks about the last ones. */
const REPORTS_KEPT_MS = 30 * 86_400_000;

export function trimTransitions(db: CatalogDatabase, now: number): void {
  db.run('DELETE FROM transitions WHERE begun_at < $before', { before: now - REPORTS_KEPT_MS });
}

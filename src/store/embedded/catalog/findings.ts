import { AkoshaError, type FindingKind, type ScrubFinding } from '../../../contract/index.js';
import type { CheckKind, CheckRecord, MovingStop, StandingFinding } from '../../store.js';
import type { CatalogDatabase } from './database.js';

/** Two years of weekly ones. */
const CHECKS_KEPT = 100;

/** Long enough to look up what was released, and why, a year later. */
const RELEASED_KEPT_MS = 400 * 86_400_000;

export function beginCheck(
  db: CatalogDatabase,
  { kind, checkId, now }: { kind: CheckKind; checkId: string; now: number },
): void {
  db.transaction(() => {
    db.run(
      `INSERT INTO checks (check_id, kind, begun_at) VALUES ($checkId, $kind, $now) ON CONFLICT DO NOTHING`,
      { checkId, kind, now },
    );
    db.run(
      `DELETE FROM checks WHERE kind = $kind AND check_id NOT IN
         (SELECT check_id FROM checks WHERE kind = $kind ORDER BY begun_at DESC LIMIT ${CHECKS_KEPT})`,
      { kind },
    );
    db.run(`DELETE FROM findings WHERE released_at < $before`, { before: now - RELEASED_KEPT_MS });
  });
}

export function endCheck(
  db: CatalogDatabase,
  { checkId, passed, report, now }: { checkId: string; passed: boolean; report: string; now: number },
): void {
  db.run(
    `UPDATE checks SET ended_at = coalesce(ended_at, $now), passed = $passed, report = $report WHERE check_id = $checkId`,
    { checkId, passed: Number(passed), report, now },
  );
}

export function checks(db: CatalogDatabase, kind: CheckKind, limit: number): CheckRecord[] {
  return db
    .all<Omit<CheckRecord, 'passed'> & { passed: 0 | 1 | null }>(
      `SELECT check_id AS checkId, begun_at AS begunAt, ended_at AS endedAt, passed, report FROM checks
       WHERE kind = $kind ORDER BY begun_at DESC, check_id DESC LIMIT $limit`,
      { kind, limit },
    )
    .map((row) => ({ ...row, passed: row.passed === null ? null : row.passed === 1 }));
}

/** In one transaction: the stop is there with the first of them. */
export function noteFindings(
  db: CatalogDatabase,
  { checkId, findings, now }: { checkId: string; findings: readonly ScrubFinding[]; now: number },
): number {
  return db.transaction(() => {
    db.run(
      `INSERT INTO findings (check_id, kind, subject, expected, found, found_at)
       SELECT $checkId, value ->> 'kind', value ->> 'subject', value ->> 'expected', value ->> 'found', $now
       FROM json_each($findings) WHERE true
       ON CONFLICT (kind, subject) WHERE released_at IS NULL DO UPDATE SET check_id = excluded.check_id,
         expected = excluded.expected, found = excluded.found`,
      { checkId, findings: JSON.stringify(findings), now },
    );
    return db.number(`SELECT count(*) FROM findings WHERE released_at IS NULL`);
  });
}

export function countFindings(db: CatalogDatabase, checkId: string): number {
  return db.number(`SELECT count(*) FROM findings WHERE check_id = $checkId`, { checkId });
}

export function movingStop(db: CatalogDatabase): MovingStop | undefined {
  const stop = db.get<{ since: number | null; findings: number }>(
    `SELECT min(found_at) AS since, count(*) AS findings FROM findings WHERE released_at IS NULL`,
  );
  return stop === undefined || stop.since === null
    ? undefined
    : { since: stop.since, findings: stop.findings };
}

/** For the choice of what is deleted, in its own transaction. */
export const NOT_STOPPED = 'NOT EXISTS (SELECT 1 FROM findings f WHERE f.released_at IS NULL)';

export function requireNotStopped(db: CatalogDatabase): void {
  const stop = movingStop(db);
  if (stop !== undefined) throw new AkoshaError('MovingStopped', describeStop(stop));
}

export function describeStop({ findings }: MovingStop): string {
  return `a scrub found ${findings === 1 ? 'a mismatch' : `${findings} mismatches`} (\`akosha scrub status\`); once it is understood, \`akosha scrub release\` lets moving go on`;
}

export function standingFindings(db: CatalogDatabase, limit: number): StandingFinding[] {
  return db.all<StandingFinding>(
    `SELECT kind, subject, expected, found, found_at AS foundAt FROM findings WHERE released_at IS NULL
     ORDER BY finding_id LIMIT $limit`,
    { limit },
  );
}

export function countStanding(db: CatalogDatabase): Partial<Record<FindingKind, number>> {
  const rows = db.all<{ kind: FindingKind; n: number }>(
    `SELECT kind, count(*) AS n FROM findings WHERE released_at IS NULL GROUP BY kind`,
  );
  return Object.fromEntries(rows.map(({ kind, n }) => [kind, n]));
}

export function releaseFindings(
  db: CatalogDatabase,
  { reason, now }: { reason: string; now: number },
): number {
  return db.run(
    `UPDATE findings SET released_at = $now, release_reason = $reason WHERE released_at IS NULL`,
    { reason, now },
  );
}

import type { Kind, UploadRef } from '../../../contract/index.js';
import type { KnownState } from '../../store.js';
import type { CatalogDatabase } from './database.js';
import { hasTombstone } from './tombstones.js';
import { greatestGap, type Place } from './upload-order.js';

/**
 * What the class of an upload's row depends on where its memory stands with the same content. While all of it is the same, every memory that
 * `knownRows` listed is `unchanged` in the upload: no memory's content and order are changed but by an operation that notes it (`notePlaced`).
 *
 * Undefined where nothing can be listed: for an upload that is not pending, because what is ingested again writes also what is unchanged,
 * and where more than single memories is forgotten, because by its project in the upload a memory may be refused that stands under another.
 */
export function knownState(db: CatalogDatabase, upload: UploadRef): KnownState | undefined {
  const row = db.get<{ ord: number }>(
    `SELECT ord FROM uploads WHERE system_id = $systemId AND upload_id = $uploadId AND state = 'pending'`,
    { ...upload },
  );
  if (row === undefined) return undefined;
  const system = upload.systemId;
  const tombstones = db.all<{ scope: string; kind: string; id: string }>(
    `SELECT scope, kind, memory_id AS id FROM tombstones WHERE system_id IN ($system, '') ORDER BY kind, memory_id`,
    { system },
  );
  if (tombstones.some(({ scope }) => scope !== 'memory')) return undefined;
  return {
    gap: greatestGap(db, { upload, order: row.ord }),
    placedBy: db.number('SELECT op_id FROM placed_by WHERE system_id = $system', { system }),
    tombstones: JSON.stringify(tombstones.map(({ kind, id }) => [kind, id])),
  };
}

export function isSameState(one: KnownState, other: KnownState | undefined): boolean {
  return (
    one.placedBy === other?.placedBy &&
    one.tombstones === other.tombstones &&
    one.gap.order === other.gap.order &&
    one.gap.uploadId === other.gap.uploadId
  );
}

/** By an operation that changes what stands of a system, in its transaction. */
export function notePlaced(db: CatalogDatabase, systemId: string, opId: number): void {
  db.run(
    `INSERT INTO placed_by VALUES ($systemId, $opId) ON CONFLICT (system_id) DO UPDATE SET op_id = excluded.op_id`,
    { systemId, opId },
  );
}

/** What `knownRows` lists of a system's placements; `p` is one. */
const LISTED = `p.deleted = 0 AND (p.ord, p.upload_id) > ($gapOrder, $gapUpload) AND NOT ${hasTombstone('p')}`;

/**
 * Whether an upload has a placement without a row of its own in `incoming`: it was listed, and the reader did not say that it is missing.
 * With `$gapOrder` null for an upload of which all rows are in `incoming`.
 */
export const PASSED = `($gapOrder IS NOT NULL AND ${LISTED}
  AND NOT EXISTS (SELECT 1 FROM missing m WHERE m.stage = $stage AND m.pid = p.pid))`;

/** Of `PASSED`: null where no row was left out. */
export function gapParameters(gap: Place | null): { gapOrder: number | null; gapUpload: string | null } {
  return { gapOrder: gap?.order ?? null, gapUpload: gap?.uploadId ?? null };
}

/** Of a list's memories those that the upload does not have as the list says, in parts, before `openIngest`. */
export function stageMissing(db: CatalogDatabase, stage: string, pids: readonly number[]): void {
  db.run(`INSERT INTO missing SELECT $stage, value FROM json_each($pids)`, {
    stage,
    pids: JSON.stringify(pids),
  });
}

/** The most that a system's list may have, counted no further than `limit`. */
export function countPlacements(db: CatalogDatabase, systemId: string, limit: number): number {
  return db.number(
    `SELECT count(*) FROM (SELECT 1 FROM placements WHERE system_id = $systemId LIMIT $limit)`,
    { systemId, limit },
  );
}

export interface KnownPage {
  rows: number;
  /** Lines of `KNOWN_COLUMNS`, without an end of the last one. */
  lines: string | null;
  /** What the next page begins behind. */
  last: string | null;
}

/** Behind one memory of a kind those that come next. As text, which SQLite puts together ten times as fast as rows come out of it. */
export function knownRows(
  db: CatalogDatabase,
  {
    systemId,
    kind,
    after,
    gap,
    limit,
  }: { systemId: string; kind: Kind; after: string; gap: Place; limit: number },
): KnownPage {
  const page = db.get<KnownPage>(
    `SELECT count(*) AS rows, max(memory_id) AS last,
       group_concat(pid || ',' || kind || ',' || hash || ',' || hex(memory_id), char(10)) AS lines
     FROM (SELECT p.* FROM placements p WHERE p.system_id = $system AND p.kind = $kind AND p.memory_id > $after AND ${LISTED}
       ORDER BY p.memory_id LIMIT $limit)`,
    { system: systemId, kind, after, ...gapParameters(gap), limit },
  );
  return page ?? { rows: 0, lines: null, last: null };
}

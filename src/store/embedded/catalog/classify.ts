import type { Kind, UploadRef } from '../../../contract/index.js';
import { DELETED_HASH } from '../../../memory/content-hash.js';
import type { CatalogDatabase } from './database.js';
import { gapParameters, PASSED } from './known.js';
import { INCOMING_NOT_KEPT, PINNED_HOT } from './pins.js';
import { hasTombstone, WENT_WITH_PROJECT } from './tombstones.js';
import { greatestGap, PLACED_BEFORE, UPLOADED_AFTER, type Place } from './upload-order.js';

/** An upload whose rows are staged in `incoming`. */
export interface StagedUpload {
  stage: string;
  upload: UploadRef;
  order: number;
  /** It is in the ledger already. */
  again: boolean;
  /** The kinds of which what it lacks is deleted. */
  mirrors: readonly Kind[];
  /** Own times at or before it have expired, where no memory stands (`expiredUntil`). */
  expired: number;
  /** Memories behind this gap may be the upload's without a row in `incoming` (`PASSED`); null: none is. */
  gap: Place | null;
}

/** A row that has to be written. `n` is its place in the rows file. */
export interface RowToWrite {
  n: number;
  rowId: number;
  tier: 'hot' | 'warm';
}

/** A version that says "deleted", for a memory that the upload or a newer one lacks. Its `n` only tells its place in the journal. */
export interface DeletionToWrite extends RowToWrite {
  kind: Kind;
  memoryId: string;
  ownTime: number;
  project: string | null;
  /** Of the upload that lacks it: its order, and its id. */
  order: number;
  uploadId: string;
}

/** Classes whose rows are written and placed. */
export const NEEDED = `class IN ('new', 'changed', 'rewritten', 'outlived', 'deleted')`;

/** An upload with rows in the ledger: not one whose raw files went while it was in quarantine. */
const COMMITTED = `u.state IN ('committed', 'receipted', 'done', 'raw_gone') AND u.committed_at IS NOT NULL`;

const TOMBSTONED = hasTombstone('incoming');

/** Placed by this upload when it was ingested before. */
const OWN = `($again = 1 AND p.ord = $order AND p.upload_id = $upload)`;

/**
 * What each row is, by hash and order, never by row id; inside the caller's transaction, and the same at open and commit.
 *
 * - `refused`: forgotten, or an older version of what went with a project.
 * - `rewritten`: unchanged above a gap. An order that has no ledger row yet lies between its placement and this upload, so
 *   its late arrival must find the newer order.
 * - `outlived`: new, or deleted, and a newer upload that is a mirror lacks it. What is written is that it is deleted, with that one's
 *   order and id: nothing else would tell a rebuild, where this upload's own version stands in the journal of a dead attempt.
 * - `deleted`: a memory that this upload lacks. Only of the newest upload: what a newer one says of it counts, and where that has
 *   it unchanged its placement does not tell.
 * - `expired`: new, and older than memories are kept. Of one that stands the newest version counts, and expires by its own time.
 * - `moot`: it was to be deleted, and need not be any more.
 *
 * Of an upload that is ingested again, its own rows are written anew, also where their content is the same. Another content replaces a
 * row only where no other upload came after: one that has the row unchanged leaves no trace in its placement.
 */
export function classify(db: CatalogDatabase, staged: StagedUpload): void {
  const { stage, order } = staged;
  const { systemId: system, uploadId: upload } = staged.upload;
  const followed = isFollowed(db, staged);
  const deletable = JSON.stringify(followed ? [] : staged.mirrors);
  stageAbsent(db, staged, deletable);
  db.run(
    `UPDATE incoming SET pid = (SELECT pid FROM placements p
       WHERE p.system_id = $system AND p.kind = incoming.kind AND p.memory_id = incoming.memory_id)
     WHERE stage = $stage`,
    { stage, system },
  );
  const outliving = outlivingUploads(db, staged);
  const greatest = greatestGap(db, staged);
  db.run(
    `UPDATE incoming SET class = CASE
       WHEN absent = 1 THEN coalesce((SELECT 'deleted' FROM placements p WHERE p.pid = incoming.pid AND p.deleted = 0
         AND ${PLACED_BEFORE} AND p.kind IN (SELECT value FROM json_each($deletable)) AND NOT ${TOMBSTONED}), 'moot')
       WHEN ${TOMBSTONED} OR ${WENT_WITH_PROJECT} THEN 'refused'
       WHEN pid IS NULL AND own_time <= $expired AND ${INCOMING_NOT_KEPT} THEN 'expired'
       WHEN pid IS NULL THEN CASE WHEN $outliving ->> kind IS NULL THEN 'new' ELSE 'outlived' END
       ELSE (SELECT CASE
         WHEN p.hash = incoming.hash AND (p.ord, p.upload_id) <= ($gapOrder, $gapUpload) THEN 'rewritten'
         WHEN p.hash = incoming.hash AND ${OWN} THEN 'rewritten'
         WHEN p.hash = incoming.hash THEN 'unchanged'
         WHEN p.deleted = 1 AND (${PLACED_BEFORE} OR ${OWN}) AND $outliving ->> incoming.kind IS NOT NULL THEN 'outlived'
         WHEN p.deleted = 0 AND $followed THEN 'superseded'
         WHEN ${PLACED_BEFORE} THEN 'changed'
         WHEN ${OWN} THEN 'changed'
         ELSE 'superseded' END FROM placements p WHERE p.pid = incoming.pid) END
     WHERE stage = $stage`,
    {
      stage,
      system,
      order,
      expired: staged.expired,
      deletable,
      outliving,
      gapOrder: greatest.order,
      gapUpload: greatest.uploadId,
      upload,
      again: Number(staged.again),
      followed: Number(staged.again && followed),
    },
  );
  db.run(
    `UPDATE incoming SET deletion = class IN ('deleted', 'outlived'),
       ord = CASE class WHEN 'outlived' THEN $outliving -> kind ->> 'order' ELSE $order END,
       upload_id = CASE class WHEN 'outlived' THEN $outliving -> kind ->> 'uploadId' ELSE $upload END WHERE stage = $stage`,
    { stage, order, upload, outliving },
  );
}

/** Of each kind the newest of the newer uploads of which what it lacks is deleted, as a JSON object of places. */
function outlivingUploads(db: CatalogDatabase, { upload, order }: StagedUpload): string {
  const rows = db.all<Place & { kind: Kind }>(
    `SELECT kind, ord AS "order", upload_id AS uploadId FROM (
       SELECT m.value AS kind, u.ord, u.upload_id, row_number() OVER (PARTITION BY m.value ORDER BY u.ord DESC, u.upload_id DESC) AS rank
       FROM uploads u, json_each(u.mirrors) m WHERE u.system_id = $system AND ${UPLOADED_AFTER} AND ${COMMITTED}) WHERE rank = 1`,
    { system: upload.systemId, upload: upload.uploadId, order },
  );
  return JSON.stringify(Object.fromEntries(rows.map(({ kind, ...place }) => [kind, place])));
}

/** A newer upload has rows in the ledger. */
function isFollowed(db: CatalogDatabase, { upload, order }: StagedUpload): boolean {
  const newer = db.number(
    `SELECT EXISTS (SELECT 1 FROM uploads u WHERE u.system_id = $system AND ${UPLOADED_AFTER} AND ${COMMITTED})`,
    { system: upload.systemId, upload: upload.uploadId, order },
  );
  return newer > 0;
}

/** Adds the memories that the upload lacks and has to delete, behind its own rows. A second time only those that came meanwhile. */
function stageAbsent(
  db: CatalogDatabase,
  { stage, upload, order, gap }: StagedUpload,
  deletable: string,
): void {
  db.run(
    `INSERT INTO incoming (stage, n, kind, memory_id, hash, own_time, project, absent)
     SELECT $stage, (SELECT coalesce(max(n), -1) FROM incoming WHERE stage = $stage) + row_number() OVER (ORDER BY p.pid),
       p.kind, p.memory_id, $hash, p.own_time, p.project, 1
     FROM placements p WHERE p.system_id = $system AND p.kind IN (SELECT value FROM json_each($deletable))
       AND p.deleted = 0 AND ${PLACED_BEFORE} AND NOT ${PASSED} AND NOT EXISTS
       (SELECT 1 FROM incoming i WHERE i.stage = $stage AND i.kind = p.kind AND i.memory_id = p.memory_id)`,
    {
      stage,
      system: upload.systemId,
      upload: upload.uploadId,
      order,
      deletable,
      ...gapParameters(gap),
      hash: DELETED_HASH,
    },
  );
}

/** Gives fresh row ids to what has to be written, and notes what is written under them. */
export function assignRowIds(
  db: CatalogDatabase,
  { stage, system, hotCutoff, now }: { stage: string; system: string; hotCutoff: number; now: number },
): { rows: RowToWrite[]; deletions: DeletionToWrite[] } {
  const count = db.number(`SELECT count(*) FROM incoming WHERE stage = $stage AND ${NEEDED}`, { stage });
  const first = db.takeIds(count);
  db.run(
    `UPDATE incoming SET row_id = $first + r.rank, tier = CASE WHEN own_time > $hotCutoff OR ${PINNED_HOT} THEN 'hot' ELSE 'warm' END,
       written_ord = ord, written_upload_id = upload_id, written_deletion = deletion
     FROM (SELECT n AS row_n, row_number() OVER (ORDER BY n) - 1 AS rank FROM incoming WHERE stage = $stage AND ${NEEDED}) r
     WHERE stage = $stage AND n = r.row_n`,
    { stage, first, system, hotCutoff, now },
  );
  const written = `FROM incoming WHERE stage = $stage AND row_id IS NOT NULL AND written_deletion`;
  return {
    rows: db.all<RowToWrite>(`SELECT n, row_id AS rowId, tier ${written} = 0 ORDER BY n`, { stage }),
    deletions: db.all<DeletionToWrite>(
      `SELECT n, row_id AS rowId, tier, kind, memory_id AS memoryId, own_time AS ownTime, project, ord AS "order", upload_id AS uploadId
       ${written} = 1 ORDER BY n`,
      { stage },
    ),
  };
}

/** Rows that are needed now, and are not written, or not as they would have to be. */
export function countUnwritten(db: CatalogDatabase, stage: string): number {
  return db.number(
    `SELECT count(*) FROM incoming WHERE stage = $stage AND ${NEEDED}
       AND (row_id IS NULL OR written_ord <> ord OR written_upload_id <> upload_id OR written_deletion <> deletion)`,
    { stage },
  );
}

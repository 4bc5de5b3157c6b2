import { AkoshaError, type Kind, type RowCounts, type UploadRef } from '../../../contract/index.js';
import type { IngestedFile, WrittenObject } from '../../store.js';
import type { CatalogDatabase } from './database.js';
import { closeOperation, openOperation, requireOpen } from './operations.js';

/** One row of an upload, as the catalog needs it. `n` is its place in the rows file. */
export interface IncomingRow {
  n: number;
  kind: Kind;
  memoryId: string;
  hash: string;
  ownTime: number;
  project: string | null;
}

export interface OpenIngest {
  stage: string;
  upload: UploadRef;
  /** Own times at or before this are warm. */
  hotCutoff: number;
  now: number;
  leaseUntil: number;
}

export interface RowToWrite {
  n: number;
  rowId: number;
  tier: 'hot' | 'warm';
}

export interface CommitIngest {
  stage: string;
  opId: number;
  upload: UploadRef;
  covers: readonly Kind[];
  files: readonly IngestedFile[];
  reader: string;
  journal: WrittenObject | undefined;
  now: number;
}

/** Takes in a part of the rows of an upload, before `openIngest`. */
export function stageRows(db: CatalogDatabase, stage: string, rows: readonly IncomingRow[]): void {
  db.run(
    `INSERT INTO incoming (stage, n, kind, memory_id, hash, own_time, project)
     SELECT $stage, value ->> 'n', value ->> 'kind', value ->> 'memoryId', value ->> 'hash', value ->> 'ownTime',
       value ->> 'project' FROM json_each($rows)`,
    { stage, rows: JSON.stringify(rows) },
  );
}

/** The texts of rows that will be written, for the text index. */
export function stageTexts(
  db: CatalogDatabase,
  stage: string,
  texts: readonly { n: number; content: string }[],
): void {
  db.run(
    `INSERT INTO incoming_texts SELECT $stage, value ->> 'n', value ->> 'content' FROM json_each($texts) WHERE true
     ON CONFLICT DO NOTHING`,
    { stage, texts: JSON.stringify(texts) },
  );
}

export function dropStage(db: CatalogDatabase, stage: string): void {
  db.run(`DELETE FROM incoming WHERE stage = $stage`, { stage });
  db.run(`DELETE FROM incoming_texts WHERE stage = $stage`, { stage });
}

/**
 * Step 1: in one transaction checks that the upload may be ingested now, opens the operation, and reads what the keys'
 * placements are. Returns the rows to write with their fresh row ids.
 */
export function openIngest(db: CatalogDatabase, input: OpenIngest): { opId: number; writes: RowToWrite[] } {
  return db.transaction(() => {
    const order = requireTurn(db, input.upload);
    const opId = openOperation(db, {
      kind: 'ingest',
      target: `${input.upload.systemId}/${input.upload.uploadId}`,
      systemId: input.upload.systemId,
      now: input.now,
      leaseUntil: input.leaseUntil,
    });
    classify(db, input.stage, input.upload, order);
    return { opId, writes: assignRowIds(db, input.stage, input.hotCutoff) };
  });
}

/** The upload is pending, and no committed one of its system lacks its receipt. Returns its order. */
function requireTurn(db: CatalogDatabase, upload: UploadRef): number {
  const row = db.get<{ ord: number; state: string }>(
    `SELECT ord, state FROM uploads WHERE system_id = $systemId AND upload_id = $uploadId`,
    { ...upload },
  );
  if (row?.state !== 'pending') {
    throw new AkoshaError(
      'OperationClosed',
      `upload ${upload.uploadId} is ${row?.state ?? 'unknown'}, not pending`,
    );
  }
  const due = db.number(`SELECT count(*) FROM uploads WHERE system_id = $systemId AND state = 'committed'`, {
    systemId: upload.systemId,
  });
  if (due > 0)
    throw new AkoshaError(
      'OperationClosed',
      `an earlier upload of ${upload.systemId} still lacks its receipt`,
    );
  return row.ord;
}

/**
 * What each row is, by hash and order, never by row id. `rewritten` rows are unchanged ones above a gap: an order that has
 * no ledger row yet lies between their placement and this upload, so its late arrival must find the newer order.
 */
function classify(db: CatalogDatabase, stage: string, upload: UploadRef, order: number): void {
  // An unchanged row has to be written again where a gap lies between its order and this one: where it lies below the
  // greatest gap below this one.
  const gap = db.number(
    `SELECT coalesce(max(ord), -1) FROM (
       SELECT ord FROM uploads WHERE system_id = $system AND state IN ('pending', 'quarantined') AND upload_id <> $upload
       UNION ALL SELECT ord FROM gaps WHERE system_id = $system) WHERE ord < $order`,
    { system: upload.systemId, upload: upload.uploadId, order },
  );
  db.run(
    `UPDATE incoming SET pid = (SELECT pid FROM placements p
       WHERE p.system_id = $system AND p.kind = incoming.kind AND p.memory_id = incoming.memory_id)
     WHERE stage = $stage`,
    { stage, system: upload.systemId },
  );
  db.run(
    `UPDATE incoming SET class = CASE
       WHEN EXISTS (SELECT 1 FROM tombstones t WHERE t.system_id = $system AND t.state <> 'lifted' AND (t.scope = 'system'
         OR (t.scope = 'project' AND t.project = incoming.project)
         OR (t.scope = 'memory' AND t.kind = incoming.kind AND t.memory_id = incoming.memory_id))) THEN 'refused'
       WHEN pid IS NULL THEN 'new'
       ELSE (SELECT CASE
         WHEN p.hash = incoming.hash AND p.ord < $gap THEN 'rewritten'
         WHEN p.hash = incoming.hash THEN 'unchanged'
         WHEN p.ord < $order THEN 'changed'
         ELSE 'superseded' END FROM placements p WHERE p.pid = incoming.pid) END
     WHERE stage = $stage`,
    { stage, system: upload.systemId, order, gap },
  );
}

const NEEDED = `class IN ('new', 'changed', 'rewritten')`;

function assignRowIds(db: CatalogDatabase, stage: string, hotCutoff: number): RowToWrite[] {
  const count = db.number(`SELECT count(*) FROM incoming WHERE stage = $stage AND ${NEEDED}`, { stage });
  const first = db.takeIds(count);
  db.run(
    `UPDATE incoming SET row_id = $first + r.rank, tier = CASE WHEN own_time > $hotCutoff THEN 'hot' ELSE 'warm' END
     FROM (SELECT n AS row_n, row_number() OVER (ORDER BY n) - 1 AS rank FROM incoming WHERE stage = $stage AND ${NEEDED}) r
     WHERE stage = $stage AND n = r.row_n`,
    { stage, first, hotCutoff },
  );
  return db.all<RowToWrite>(
    `SELECT n, row_id AS rowId, tier FROM incoming WHERE stage = $stage AND row_id IS NOT NULL ORDER BY n`,
    { stage },
  );
}

/**
 * Step 5, the only commit point: in one transaction finds the operation open and the upload still due, classifies again,
 * and places, indexes, counts and closes. Whatever changed since step 1 makes it abort whole.
 */
export function commitIngest(db: CatalogDatabase, input: CommitIngest): RowCounts {
  return db.transaction(() => {
    requireOpen(db, input.opId);
    const order = requireTurn(db, input.upload);
    classify(db, input.stage, input.upload, order);
    requireWritten(db, input);
    if (input.journal !== undefined) placeRows(db, input, order, input.journal);
    const counts = countRows(db, input, order);
    writeLedger(db, input, counts);
    closeOperation(db, input.opId, 'committed', input.now);
    return counts;
  });
}

function requireWritten(db: CatalogDatabase, { stage, journal }: CommitIngest): void {
  const unwritten = journal === undefined ? NEEDED : `${NEEDED} AND row_id IS NULL`;
  const missing = db.number(`SELECT count(*) FROM incoming WHERE stage = $stage AND ${unwritten}`, { stage });
  if (missing > 0)
    throw new AkoshaError('WriteSetStale', `${missing} rows became needed after the write set was made`);
}

function placeRows(db: CatalogDatabase, input: CommitIngest, order: number, journal: WrittenObject): void {
  const { stage, opId, upload, now } = input;
  const keeper = registerObject(db, 'journal', opId, upload.systemId, journal, stage);
  db.run(
    `UPDATE placements SET row_id = i.row_id, hash = i.hash, ord = $order, upload_id = $upload, deleted = i.deleted,
       tier = i.tier, object_id = NULL, keeper_id = $keeper, own_time = i.own_time, project = i.project
     FROM incoming i WHERE i.stage = $stage AND i.class IN ('changed', 'rewritten') AND placements.pid = i.pid`,
    { stage, order, upload: upload.uploadId, keeper },
  );
  db.run(
    `INSERT INTO placements (system_id, kind, memory_id, row_id, hash, ord, upload_id, tier, keeper_id, own_time, project)
     SELECT $system, kind, memory_id, row_id, hash, $order, $upload, tier, $keeper, own_time, project
     FROM incoming WHERE stage = $stage AND class = 'new'`,
    { stage, system: upload.systemId, order, upload: upload.uploadId, keeper },
  );
  indexTexts(db, stage, upload.systemId);
  db.run(
    `INSERT INTO changes (pid, row_id, what, at) SELECT p.pid, p.row_id, 'placed', $now FROM incoming i
     JOIN placements p ON p.row_id = i.row_id WHERE i.stage = $stage`,
    { stage, now },
  );
}

/** A row rewritten or changed may have been cold, where it has no entry; deleting a missing entry is no error. */
function indexTexts(db: CatalogDatabase, stage: string, systemId: string): void {
  db.run(
    `DELETE FROM memory_text WHERE rowid IN
       (SELECT pid FROM incoming WHERE stage = $stage AND class IN ('changed', 'rewritten'))`,
    { stage },
  );
  db.run(
    `INSERT INTO memory_text (rowid, content) SELECT p.pid, t.content FROM incoming i
     JOIN incoming_texts t ON t.stage = i.stage AND t.n = i.n
     JOIN placements p ON p.row_id = i.row_id AND p.system_id = $system WHERE i.stage = $stage AND i.deleted = 0`,
    { stage, system: systemId },
  );
}

function registerObject(
  db: CatalogDatabase,
  kind: 'journal',
  opId: number,
  systemId: string,
  object: WrittenObject,
  stage: string,
): number {
  const objectId = db.takeIds(1);
  db.run(
    `INSERT INTO objects (object_id, name, op_id, kind, system_id, bytes, rows, sha256, min_own_time, max_own_time)
     SELECT $objectId, $name, $opId, $kind, $systemId, $bytes, count(*), $sha256, min(own_time), max(own_time)
     FROM incoming WHERE stage = $stage AND row_id IS NOT NULL`,
    { objectId, kind, opId, systemId, stage, ...object },
  );
  return objectId;
}

function countRows(db: CatalogDatabase, { stage, upload, covers }: CommitIngest, order: number): RowCounts {
  const counts: RowCounts = { new: 0, changed: 0, unchanged: 0, refused: 0, superseded: 0, absent: 0 };
  const classes = db.all<{ class: keyof RowCounts | 'rewritten'; n: number }>(
    `SELECT class, count(*) AS n FROM incoming WHERE stage = $stage GROUP BY class`,
    { stage },
  );
  for (const row of classes) counts[row.class === 'rewritten' ? 'unchanged' : row.class] += row.n;
  counts.absent = db.number(
    `SELECT count(*) FROM placements p WHERE p.system_id = $system AND p.deleted = 0 AND p.ord < $order
       AND p.kind IN (SELECT value FROM json_each($covers)) AND NOT EXISTS
       (SELECT 1 FROM incoming i WHERE i.stage = $stage AND i.kind = p.kind AND i.memory_id = p.memory_id)`,
    { stage, system: upload.systemId, order, covers: JSON.stringify(covers) },
  );
  return counts;
}

function writeLedger(
  db: CatalogDatabase,
  { upload, covers, files, reader, now }: CommitIngest,
  rows: RowCounts,
): void {
  db.run(
    `UPDATE uploads SET state = 'committed', committed_at = $now, covers = $covers, files = $files, reader = $reader,
       rows_new = $new, rows_changed = $changed, rows_unchanged = $unchanged, rows_refused = $refused,
       rows_superseded = $superseded, rows_absent = $absent
     WHERE system_id = $systemId AND upload_id = $uploadId`,
    { ...upload, ...rows, now, reader, covers: JSON.stringify(covers), files: JSON.stringify(files) },
  );
}

import { AkoshaError, NO_ROWS, type Kind, type RowCounts, type UploadRef } from '../../../contract/index.js';
import type { IngestedFile, KnownState, WrittenObject } from '../../store.js';
import { DELETED_HASH } from '../../../memory/content-hash.js';
import type { RowKey } from '../../../memory/index.js';
import {
  assignRowIds,
  classify,
  countUnwritten,
  NEEDED,
  type DeletionToWrite,
  type RowToWrite,
} from './classify.js';
import { countAgainSql } from './again.js';
import type { CatalogDatabase } from './database.js';
import { expiredUntil } from './expiry.js';
import { gapParameters, isSameState, knownState, notePlaced, PASSED } from './known.js';
import { closeOperation, openOperation, requireOpen } from './operations.js';
import { indexTexts, stageTexts, type IncomingText } from './text-index.js';
import { PLACED_BEFORE } from './upload-order.js';
import { awaitVectors } from './vectors.js';

/** Rows of an upload that are not in `incoming`: all that was listed in this state and is not in `missing`. */
export interface PassedRows {
  state: KnownState;
  rows: number;
}

export interface OpenIngest {
  stage: string;
  upload: UploadRef;
  /** Of few rows, which so need no message of their own. */
  keys: readonly RowKey[];
  mirrors: readonly Kind[];
  known: PassedRows | null;
  /** Memories are kept whose own time is after it; null: all. */
  keptSince: number | null;
  /** Own times at or before this are warm. */
  hotCutoff: number;
  now: number;
  leaseUntil: number;
}

export interface OpenedIngest {
  opId: number;
  /** The upload's. */
  order: number;
  rows: RowToWrite[];
  deletions: DeletionToWrite[];
}

export interface CommitIngest {
  stage: string;
  opId: number;
  upload: UploadRef;
  covers: readonly Kind[];
  mirrors: readonly Kind[];
  known: PassedRows | null;
  files: readonly IngestedFile[];
  /** Rows that readers left out. */
  refused: number;
  reader: string;
  journal: WrittenObject | undefined;
  /** As in `stageTexts`, where they are few. */
  texts: readonly IncomingText[];
  keptSince: number | null;
  now: number;
}

/** Takes in a part of the rows of an upload, before `openIngest` or in it. */
export function stageRows(db: CatalogDatabase, stage: string, rows: readonly RowKey[]): void {
  db.run(
    `INSERT INTO incoming (stage, n, kind, memory_id, hash, own_time, project)
     SELECT $stage, value ->> 'n', value ->> 'kind', value ->> 'memoryId', value ->> 'hash', value ->> 'ownTime',
       value ->> 'project' FROM json_each($rows)`,
    { stage, rows: JSON.stringify(rows) },
  );
}

export function dropStage(db: CatalogDatabase, stage: string): void {
  db.run(`DELETE FROM incoming WHERE stage = $stage`, { stage });
  db.run(`DELETE FROM incoming_texts WHERE stage = $stage`, { stage });
  db.run(`DELETE FROM missing WHERE stage = $stage`, { stage });
}

/**
 * Step 1: in one transaction checks that the upload may be ingested now, opens the operation, and reads what the keys'
 * placements are. Returns the rows to write with their fresh row ids.
 */
export function openIngest(db: CatalogDatabase, input: OpenIngest): OpenedIngest {
  return db.transaction(() => {
    const turn = requireTurn(db, input.upload);
    requireKnown(db, input);
    if (input.keys.length > 0) stageRows(db, input.stage, input.keys);
    const opId = openOperation(db, {
      kind: 'ingest',
      target: `${input.upload.systemId}/${input.upload.uploadId}`,
      systemId: input.upload.systemId,
      leaseUntil: input.leaseUntil,
    });
    classifyAll(db, input, turn);
    return { opId, order: turn.order, ...assignRowIds(db, { ...input, system: input.upload.systemId }) };
  });
}

function classifyAll(
  db: CatalogDatabase,
  input: OpenIngest | CommitIngest,
  turn: { order: number; again: boolean },
): void {
  const expired = expiredUntil(db, input.keptSince);
  classify(db, { ...input, ...turn, expired, gap: input.known?.state.gap ?? null });
}

/** The upload is pending, or to be ingested again, and no committed one of its system lacks its receipt. */
function requireTurn(db: CatalogDatabase, upload: UploadRef): { order: number; again: boolean } {
  const row = db.get<{ ord: number; state: string; again: 0 | 1 }>(
    `SELECT ord, state, again_requested_at IS NOT NULL AS again FROM uploads WHERE system_id = $systemId AND upload_id = $uploadId`,
    { ...upload },
  );
  if (row === undefined || (row.state !== 'pending' && row.again === 0)) {
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
  return { order: row.ord, again: row.again === 1 };
}

/**
 * Step 5, the only commit point: in one transaction finds the operation open and the upload still due, classifies again,
 * and places, indexes, counts and closes. Whatever changed since step 1 makes it abort whole.
 */
export function commitIngest(db: CatalogDatabase, input: CommitIngest): RowCounts {
  return db.transaction(() => {
    requireOpen(db, input.opId);
    const turn = requireTurn(db, input.upload);
    requireKnown(db, input);
    classifyAll(db, input, turn);
    requireWritten(db, input);
    if (input.texts.length > 0) stageTexts(db, input.stage, input.texts);
    if (input.journal !== undefined) placeRows(db, input, input.journal);
    const counts = countRows(db, input, turn.order);
    writeLedger(db, input, counts, counts.refused - input.refused);
    closeOperation(db, input.opId, 'committed', input.now);
    dropStage(db, input.stage);
    return counts;
  });
}

/** What is not in `incoming` cannot be classified again; it is unchanged for as long as nothing of what that depends on is another. */
function requireKnown(db: CatalogDatabase, { upload, known }: Pick<OpenIngest, 'upload' | 'known'>): void {
  if (known === null || isSameState(known.state, knownState(db, upload))) return;
  throw new AkoshaError(
    'WriteSetStale',
    `the memories of ${upload.systemId} are no longer those that upload ${upload.uploadId} was compared with`,
  );
}

function requireWritten(db: CatalogDatabase, { stage, journal }: CommitIngest): void {
  const missing =
    journal === undefined
      ? db.number(`SELECT count(*) FROM incoming WHERE stage = $stage AND ${NEEDED}`, { stage })
      : countUnwritten(db, stage);
  if (missing > 0)
    throw new AkoshaError('WriteSetStale', `${missing} rows became needed after the write set was made`);
}

/** A deletion is placed like any version: it keeps its order against what arrives late, and its journal tells a rebuild. */
function placeRows(db: CatalogDatabase, input: CommitIngest, journal: WrittenObject): void {
  const { stage, opId, upload, now } = input;
  notePlaced(db, upload.systemId, opId);
  const keeper = registerObject(db, 'journal', opId, upload.systemId, journal, stage);
  db.run(
    `UPDATE placements SET row_id = i.row_id, hash = CASE i.deletion WHEN 1 THEN $deleted ELSE i.hash END, ord = i.ord,
       upload_id = i.upload_id, deleted = i.deletion, tier = i.tier, object_id = NULL, keeper_id = $keeper,
       own_time = i.own_time, project = i.project
     FROM incoming i WHERE i.stage = $stage AND ${NEEDED} AND placements.pid = i.pid`,
    { stage, keeper, deleted: DELETED_HASH },
  );
  db.run(
    `INSERT INTO placements (system_id, kind, memory_id, row_id, hash, ord, upload_id, deleted, tier, keeper_id, own_time,
       project, known_since)
     SELECT $system, kind, memory_id, row_id, CASE deletion WHEN 1 THEN $deleted ELSE hash END, ord, upload_id, deletion,
       tier, $keeper, own_time, project, $now
     FROM incoming WHERE stage = $stage AND ${NEEDED} AND pid IS NULL`,
    { stage, system: upload.systemId, keeper, deleted: DELETED_HASH, now },
  );
  indexTexts(db, { stage, systemId: upload.systemId, needed: NEEDED });
  awaitVectors(db, stage, NEEDED);
  db.run(
    `INSERT INTO changes (pid, row_id, what, at)
     SELECT p.pid, p.row_id, CASE p.deleted WHEN 1 THEN 'removed' ELSE 'placed' END, $now
     FROM incoming i JOIN placements p ON p.row_id = i.row_id WHERE i.stage = $stage`,
    { stage, now },
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
    `INSERT INTO objects (object_id, name, op_id, kind, system_id, bytes, sha256, min_own_time, max_own_time)
     SELECT $objectId, $name, $opId, $kind, $systemId, $bytes, $sha256, min(own_time), max(own_time)
     FROM incoming WHERE stage = $stage AND row_id IS NOT NULL`,
    { objectId, kind, opId, systemId, stage, ...object },
  );
  return objectId;
}

/** What each class is called in a receipt. `moot` is nothing that the upload did. */
const COUNTED_AS = {
  new: 'new',
  changed: 'changed',
  unchanged: 'unchanged',
  rewritten: 'unchanged',
  refused: 'refused',
  superseded: 'superseded',
  outlived: 'superseded',
  deleted: 'deleted',
  expired: 'expired',
} as const satisfies Record<string, keyof RowCounts>;

function countRows(
  db: CatalogDatabase,
  { stage, upload, covers, known, refused }: CommitIngest,
  order: number,
): RowCounts {
  const counts: RowCounts = { ...NO_ROWS, refused, unchanged: known?.rows ?? 0 };
  const classes = db.all<{ class: keyof typeof COUNTED_AS; n: number }>(
    `SELECT class, count(*) AS n FROM incoming WHERE stage = $stage AND class <> 'moot' GROUP BY class`,
    { stage },
  );
  for (const row of classes) counts[COUNTED_AS[row.class]] = (counts[COUNTED_AS[row.class]] ?? 0) + row.n;
  counts.absent = db.number(
    `SELECT count(*) FROM placements p WHERE p.system_id = $system AND p.deleted = 0 AND ${PLACED_BEFORE}
       AND p.kind IN (SELECT value FROM json_each($covers)) AND NOT ${PASSED} AND NOT EXISTS
       (SELECT 1 FROM incoming i WHERE i.stage = $stage AND i.kind = p.kind AND i.memory_id = p.memory_id AND i.absent = 0)`,
    {
      stage,
      system: upload.systemId,
      upload: upload.uploadId,
      order,
      covers: JSON.stringify(covers),
      ...gapParameters(known?.state.gap ?? null),
    },
  );
  return counts;
}

function writeLedger(
  db: CatalogDatabase,
  { upload, mirrors, files, reader, now }: CommitIngest,
  rows: RowCounts,
  forgotten: number,
): void {
  db.run(
    `UPDATE uploads SET ${countAgainSql()}, state = 'committed', committed_at = $now, mirrors = $mirrors, files = $files,
       reader = $reader, rows_new = $new, rows_changed = $changed, rows_unchanged = $unchanged, rows_refused = $refused,
       rows_superseded = $superseded, rows_absent = $absent, rows_deleted = $deleted,
       rows_expired = $expired, forgotten_rows = $forgotten
     WHERE system_id = $systemId AND upload_id = $uploadId`,
    {
      ...upload,
      ...rows,
      expired: rows.expired ?? 0,
      forgotten,
      now,
      reader,
      mirrors: JSON.stringify(mirrors),
      files: JSON.stringify(files),
    },
  );
}

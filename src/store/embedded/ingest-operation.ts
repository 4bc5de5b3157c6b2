import type { RowCounts } from '../../contract/index.js';
import { throwIfAborted } from '../../objects/index.js';
import type { IngestBatch, IngestOperation, KnownUnchanged, WrittenObject } from '../store.js';
import type { EngineContext } from './context.js';
import { OpenOperation, openExclusively } from './open-operation.js';
import type { InsertedRows } from './insert-queue.js';
import { readKeys } from './tiers/staging.js';
import type { DeletionToWrite, RowToWrite } from './catalog/classify.js';
import type { OpenedIngest, PassedRows } from './catalog/ingest.js';

/** Step 1 of the protocol's ingest: stages the keys, closes dead attempts at the same upload, opens the operation. */
export async function openIngest(
  context: EngineContext,
  batch: IngestBatch,
  caller?: AbortSignal,
): Promise<IngestOperation> {
  const { catalog } = context;
  const stage = `${batch.upload.systemId}/${batch.upload.uploadId}/${context.nextStage()}`;
  try {
    if (batch.keys === null) await stageRows(context, stage, batch, caller);
    const known = batch.known === null ? null : await stageKnown(context, stage, batch.known);
    const opened = await openExclusively(context, `${batch.upload.systemId}/${batch.upload.uploadId}`, () =>
      catalog.write.openIngest({
        stage,
        upload: batch.upload,
        keys: batch.keys ?? [],
        mirrors: batch.mirrors,
        known,
        keptSince: context.keptSince(context.now()),
        hotCutoff: context.hotCutoff(batch.asOf),
        ...context.lease(),
      }),
    );
    const signal = context.latch.open(opened.opId, caller);
    return new EmbeddedIngest(context, batch, { ...opened, stage, known, signal });
  } catch (error) {
    await catalog.write.dropStage(stage);
    throw error;
  }
}

async function stageRows(
  { catalog, tiers }: EngineContext,
  stage: string,
  { rowsFile, upload }: IngestBatch,
  caller: AbortSignal | undefined,
): Promise<void> {
  for await (const rows of readKeys(tiers, rowsFile)) {
    throwIfAborted(caller, `ingest of ${upload.uploadId}`);
    await catalog.write.stageRows(stage, rows);
  }
}

/** Missing memories per message to the catalog's thread: its transaction takes some 10 ms. */
const MISSING_CHUNK = 10_000;

async function stageKnown(
  { catalog }: EngineContext,
  stage: string,
  { list, missing }: KnownUnchanged,
): Promise<PassedRows> {
  if (missing.length > list.rows) throw new Error('more memories are missing than were listed');
  for (let from = 0; from < missing.length; from += MISSING_CHUNK)
    await catalog.write.stageMissing(stage, missing.slice(from, from + MISSING_CHUNK));
  return { state: list.state, rows: list.rows - missing.length };
}

class EmbeddedIngest extends OpenOperation implements IngestOperation {
  readonly writes: number;
  readonly #batch: IngestBatch;
  readonly #stage: string;
  readonly #known: PassedRows | null;
  readonly #order: number;
  readonly #rows: readonly RowToWrite[];
  readonly #deletions: readonly DeletionToWrite[];
  #inserted: InsertedRows | undefined;

  constructor(
    context: EngineContext,
    batch: IngestBatch,
    opened: OpenedIngest & {
      stage: string;
      known: PassedRows | null;
      signal: AbortSignal;
    },
  ) {
    super(context, opened.opId, opened.signal);
    this.#batch = batch;
    this.#stage = opened.stage;
    this.#known = opened.known;
    this.#order = opened.order;
    this.#rows = opened.rows;
    this.#deletions = opened.deletions;
    this.writes = opened.rows.length + opened.deletions.length;
  }

  insertRows(): Promise<void> {
    return this.write(async (signal) => {
      const { rowsFile, upload } = this.#batch;
      const rows = { rowsFile, ...upload, order: this.#order, rows: this.#rows, deletions: this.#deletions };
      this.#inserted = await this.context.inserts.insert({ ...rows, opId: this.opId }, signal);
      if (this.#inserted.fewTexts !== undefined) return;
      for await (const texts of this.#inserted.texts())
        await this.context.catalog.write.stageTexts(this.#stage, texts);
    });
  }

  exportJournal(path: string): Promise<void> {
    return this.write(async () => {
      if (this.#inserted === undefined) throw new Error('the journal holds rows that were inserted');
      await this.#inserted.exportJournal(path);
    });
  }

  async commit(journal: WrittenObject | undefined): Promise<RowCounts> {
    this.signal.throwIfAborted();
    const { upload, covers, mirrors, files, refused, reader } = this.#batch;
    const counts = await this.context.catalog.write.commitIngest({
      stage: this.#stage,
      opId: this.opId,
      upload,
      covers,
      mirrors,
      known: this.#known,
      files,
      refused,
      reader,
      journal,
      texts: this.#inserted?.fewTexts ?? [],
      keptSince: this.context.keptSince(this.context.now()),
      now: this.context.now(),
    });
    this.committed = true;
    return counts;
  }

  protected override async release(): Promise<void> {
    this.#inserted?.close();
    // A commit drops it by itself.
    if (!this.committed) await this.context.catalog.write.dropStage(this.#stage);
  }
}

import path from 'node:path';
import {
  isAkoshaError,
  journalKey,
  NO_ROWS,
  type AkoshaError,
  type IngestSummary,
  type UploadRef,
} from '../contract/index.js';
import { failPoint } from '../faults/index.js';
import { inScratch, withLogFields, withSpan } from '../runtime/index.js';
import type { IngestBatch, IngestOperation, UploadRecord, WrittenObject } from '../store/index.js';
import { abandonAgain, isWaitingAgain } from './again.js';
import type { IngestContext } from './context.js';
import { countRead } from './count-read.js';
import { countRefused } from './count-refused.js';
import { finishUpload } from './finish-upload.js';
import { inHand } from './in-hand.js';
import { requireUpload } from './ledger.js';
import { fetchUpload, readFiles } from './read-upload.js';
import { traceparentOf } from './upload-traces.js';

export interface IngestOptions {
  signal?: AbortSignal;
  /** Called before each step with its name. */
  onStep?: (step: string) => void;
}

/**
 * Ingests one upload by the protocol, from whatever state it is in: pending, to be ingested again, committed without a receipt, or
 * receipted with its inbox entry still there. Safe to run twice, also at once: the catalog's transaction lets one attempt commit.
 * One that others have ended is `already`: of all attempts that come to an upload one at most tells of it as its own, so that they can be added
 * up. Where that one's answer is lost on its way, the sum lacks the upload; its receipt does not.
 * What cannot be read is quarantined with its reason, or stays as it was where it is ingested already; every other error is raised and changes nothing.
 */
export function ingestUpload(
  context: IngestContext,
  ref: UploadRef,
  options: IngestOptions = {},
): Promise<IngestSummary> {
  const fields = { systemId: ref.systemId, uploadId: ref.uploadId };
  const ingest = async (): Promise<IngestSummary> => {
    const record = await requireUpload(context.store, ref);
    const continues = await traceparentOf(context, record);
    return withSpan('akosha.ingest', { continues }, async (span) => {
      const summary = await ingestRecord(context, record, options);
      span.set({ outcome: summary.status, rows: summary.rows.new + summary.rows.changed });
      return summary;
    });
  };
  return withLogFields(fields, () => inHand(ingest));
}

async function ingestRecord(
  context: IngestContext,
  record: UploadRecord,
  options: IngestOptions,
): Promise<IngestSummary> {
  if (isWaitingAgain(record)) {
    const failure = await ingestAgain(context, record, options);
    if (failure !== undefined) return { status: 'kept', rows: NO_ROWS, reason: failure };
  } else if (record.state === 'pending') {
    await bringIn(context, record, options);
  }
  options.onStep?.('finish');
  const { systemId, uploadId } = record;
  const { isEnd, ...summary } = await withSpan('akosha.ingest.receipt', {}, () =>
    finishUpload(context, { systemId, uploadId }),
  );
  return isEnd ? summary : { status: 'already', rows: NO_ROWS, reason: null };
}

/** What cannot be read any more stays ingested as it was: returns why. */
async function ingestAgain(
  context: IngestContext,
  record: UploadRecord,
  options: IngestOptions,
): Promise<string | undefined> {
  try {
    await readAndCommit(context, record, options);
  } catch (error) {
    if (!isUnreadable(error)) throw error;
    await abandonAgain(context, record, error.message);
    return error.message;
  }
  failPoint('again.after-commit');
  return undefined;
}

async function bringIn(context: IngestContext, record: UploadRecord, options: IngestOptions): Promise<void> {
  try {
    await readAndCommit(context, record, options);
  } catch (error) {
    if (!isUnreadable(error)) throw error;
    await quarantine(context, record, error.message);
  }
}

async function readAndCommit(
  context: IngestContext,
  record: UploadRecord,
  options: IngestOptions,
): Promise<void> {
  await inScratch(context.scratch, 'ingest-', async (scratch) => {
    options.onStep?.('read');
    const fetched = await withSpan('akosha.ingest.download', {}, () =>
      countRefused(
        context,
        record,
        () => fetchUpload(context, record, scratch, options.signal),
        options.signal,
      ),
    );
    const batch = await withSpan('akosha.ingest.read', { fields: { files: fetched.files.length } }, () =>
      countRead(context, record, () => readFiles(context, fetched, options.signal)),
    );
    await commitBatch(context, batch, scratch, options);
  });
}

/** These say that the same bytes will fail again; trying for ever would hold up the system's later uploads. */
function isUnreadable(error: unknown): error is AkoshaError {
  return isAkoshaError(error, 'UploadUnreadable') || isAkoshaError(error, 'DatabaseUnreadable');
}

/** The one place from which uploads go to quarantine. */
async function quarantine(
  context: IngestContext,
  { systemId, uploadId }: UploadRecord,
  reason: string,
): Promise<void> {
  const ref = { systemId, uploadId };
  if (!(await context.store.quarantine(ref, reason))) return;
  context.events?.quarantined();
  context.log?.warn({ ...ref, reason }, 'upload quarantined: it waits for a person');
}

/** Steps 1 to 5 of the protocol. */
async function commitBatch(
  context: IngestContext,
  batch: IngestBatch,
  scratch: string,
  { onStep, signal }: IngestOptions,
): Promise<void> {
  onStep?.('open');
  const operation = await withSpan('akosha.ingest.open', {}, () => context.store.openIngest(batch, signal));
  const commit = (journal: WrittenObject | undefined): Promise<unknown> =>
    withSpan('akosha.ingest.commit', {}, () => operation.commit(journal));
  try {
    failPoint('ingest.after-open');
    if (operation.writes === 0) {
      onStep?.('commit');
      await commit(undefined);
    } else {
      onStep?.('insert');
      await withSpan('akosha.ingest.insert', {}, () => operation.insertRows());
      failPoint('ingest.after-insert');
      onStep?.('journal');
      const journal = await withSpan('akosha.ingest.journal', {}, () =>
        writeJournal(operation, batch.upload, scratch),
      );
      failPoint('ingest.before-commit');
      onStep?.('commit');
      await commit(journal);
    }
    failPoint('ingest.after-commit');
  } finally {
    await operation.close();
  }
}

/** Steps 3 and 4: the journal object, put and read back. */
async function writeJournal(
  operation: IngestOperation,
  upload: UploadRef,
  scratch: string,
): Promise<WrittenObject> {
  const file = path.join(scratch, 'journal.parquet');
  await operation.exportJournal(file);
  return operation.putObject({
    file,
    back: path.join(scratch, 'journal.back.parquet'),
    name: (sha256) => journalKey(upload, operation.opId, sha256),
    failPoint: 'ingest.after-journal-put',
  });
}

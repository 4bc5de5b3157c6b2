import { receiptKey, type SystemId, type UploadRef } from '../contract/index.js';
import { abandonAgain, isWaitingAgain } from './again.js';
import type { IngestContext } from './context.js';
import { endOf, inTurn, receiptOf } from './finish-upload.js';
import { ingestUpload } from './ingest-upload.js';
import { requireUpload } from './ledger.js';
import { dropUpload } from './quarantine.js';
import { deleteRawFiles } from './raw-files.js';
import { deleteUnfinished } from './unfinished.js';
import { walkUploads } from './walk.js';

const WHY = 'what it brought is forgotten';

/** What a forget needs of ingest. A system that is null stands for all. */
export interface ForgetIntake {
  /** Queues what is complete and was not found yet. */
  discover(systemId: SystemId | null, signal?: AbortSignal): Promise<void>;
  /** Ingests what was queued by an instant of the system's clock; rows that are forgotten are refused. */
  ingestPending(systemId: SystemId | null, before: number, signal?: AbortSignal): Promise<void>;
  /** Deletes the raw files of an upload that is through; one in quarantine is given up. */
  deleteRaw(ref: UploadRef): Promise<void>;
  /** Deletes what a system's uploads left that will never be ingested, put by this instant. Returns of how many. */
  deleteUnfinished(systemId: SystemId, before: number, signal?: AbortSignal): Promise<number>;
}

export function forgetIntake(context: IngestContext): ForgetIntake {
  const { store } = context;
  return {
    discover: async (systemId, signal) => {
      await walkUploads(context, () => undefined, signal, systemId ?? undefined);
    },
    ingestPending: async (systemId, before, signal) => {
      if (systemId !== null) return ingestAll(context, systemId, signal);
      while ((await store.countUnfinished(before)) > 0) {
        for (const system of await store.unfinishedSystems(SYSTEMS)) await ingestAll(context, system, signal);
      }
    },
    deleteRaw: (ref) => deleteRaw(context, ref),
    deleteUnfinished: (systemId, before, signal) => deleteUnfinished(context, systemId, before, signal),
  };
}

/** Per look at the queue. */
const SYSTEMS = 100;

async function ingestAll(
  context: IngestContext,
  systemId: SystemId,
  signal: AbortSignal | undefined,
): Promise<void> {
  for (;;) {
    const next = await context.store.nextUpload(systemId);
    if (next === undefined) return;
    await ingestUpload(context, next, signal === undefined ? {} : { signal });
  }
}

async function deleteRaw(context: IngestContext, ref: UploadRef): Promise<void> {
  const { state } = await requireUpload(context.store, ref);
  if (state === 'quarantined') await dropUpload(context, ref, { by: 'forget', reason: WHY });
  await inTurn(ref, async () => {
    const record = await requireUpload(context.store, ref);
    if (isWaitingAgain(record)) await abandonAgain(context, record, WHY);
    // First, so that its host does not take what it brought for something that the store has.
    const forgotten = { ...record, forgottenAt: record.forgottenAt ?? context.clock() };
    const receipt = receiptOf(forgotten, endOf(record), context.clock());
    await context.uploads.put(receiptKey(record.place), receipt, { contentType: 'application/json' });
    await deleteRawFiles(context.uploads, record.place);
    await context.store.markForgotten(ref);
  });
}

import type { OutboxSummary } from '../contract/index.js';
import type { Host } from './host.js';
import { withDeliveryLock, withHostLock } from './host-lock.js';
import { withPreviousOrder } from './manifest-writer.js';
import type { QueuedUpload } from './outbox/files.js';
import { factsOf } from './prepare.js';

/** What waits, for whoever decides what to do next. */
export function readOutbox(host: Host, signal: AbortSignal | undefined): Promise<OutboxSummary> {
  return withDeliveryLock(host.dataDir, signal, async () => {
    const queued = await settleOutbox(host, signal);
    const { rows } = host.outbox;
    return {
      uploads: queued.map(({ manifest }) => {
        const { files, bytes } = factsOf(manifest);
        return { uploadId: manifest.uploadId, files, bytes };
      }),
      requested: rows.openRequests().length > 0 || rows.uploadsIn('requested').length > 0,
      ...(host.webhook === undefined ? {} : { notices: true }),
    };
  });
}

/**
 * Puts the outbox in order before a delivery, and returns what there is to deliver, in order: takes in uploads that a crash or a lost
 * database has left as files only, drops those that a newer snapshot makes superfluous, and keeps to the disk budget.
 *
 * The caller holds the delivery lock: nobody is sending what is dropped here.
 */
export async function settleOutbox(host: Host, signal: AbortSignal | undefined): Promise<QueuedUpload[]> {
  return withHostLock(host.dataDir, signal, async () => {
    const { rows } = host.outbox;
    rows.capWaits();
    const queued = await reconcile(host);
    const superfluous = new Set([...superseded(host, queued), ...overBudget(host, queued)]);
    const kept = queued.filter((upload) => !superfluous.has(upload));
    const dropped = queued.filter((upload) => superfluous.has(upload));
    await renumber(host, kept, dropped);
    for (const upload of dropped) await drop(host, upload, kept);
    rows.prune();
    return kept;
  });
}

/** Rows and files tell the same story afterwards. Where they differ, whole files win: they are what can be delivered. */
async function reconcile({ outbox: { rows, files }, log }: Host): Promise<QueuedUpload[]> {
  const queued: QueuedUpload[] = [];
  for (const upload of await files.list()) {
    const { uploadId, systemId } = upload.manifest;
    const state = rows.upload(uploadId)?.state ?? 'requested';
    if (state === 'requested') rows.adopt(uploadId, systemId, factsOf(upload.manifest));
    // It has ended, and a crash came before its files went.
    if (state === 'requested' || state === 'prepared') queued.push(upload);
    else await files.discard(uploadId);
  }
  for (const { uploadId } of rows.uploadsIn('prepared')) {
    if (queued.some(({ manifest }) => manifest.uploadId === uploadId)) continue;
    log?.warn({ uploadId }, 'the files of an upload are lost; another snapshot is taken');
    rows.replaced(uploadId, 'its files in the outbox were lost or damaged');
  }
  return queued;
}

/**
 * Those that a newer one holds as a whole: an upload has all of a host's databases, so their rows arrive with it, as they are now. One of
 * which some was sent is finished first: on a slow line, to drop it for each newer one would be never to deliver anything.
 */
function superseded(host: Host, queued: readonly QueuedUpload[]): QueuedUpload[] {
  return queued.filter(
    (older, i) => !isBegun(host, older) && queued.slice(i + 1).some((newer) => holdsAllOf(newer, older)),
  );
}

function holdsAllOf({ manifest: newer }: QueuedUpload, { manifest: older }: QueuedUpload): boolean {
  const names = new Set(newer.files.map(({ name }) => name));
  return newer.systemId === older.systemId && older.files.every(({ name }) => names.has(name));
}

/** The oldest beyond the budget; never the newest, and none of which some was sent. */
function overBudget(host: Host, queued: readonly QueuedUpload[]): QueuedUpload[] {
  const dropped = new Set(superseded(host, queued));
  const waiting = queued.filter((upload) => !dropped.has(upload));
  let bytes = waiting.reduce((sum, { manifest }) => sum + factsOf(manifest).bytes, 0);
  const over: QueuedUpload[] = [];
  for (const upload of waiting.slice(0, -1)) {
    if (bytes <= host.outboxDiskBytes) break;
    if (isBegun(host, upload)) continue;
    bytes -= factsOf(upload.manifest).bytes;
    over.push(upload);
  }
  return over;
}

function isBegun({ outbox: { rows } }: Host, { manifest }: QueuedUpload): boolean {
  return rows.upload(manifest.uploadId)?.begun === true;
}

/**
 * An upload names its predecessor, and the server counts on that one to arrive. So one that will not is passed over for its own
 * predecessor, before its files go: left in, the name would cost a rewrite of all unchanged rows. Of an upload that is
 * changed so nothing was sent, or those before it were.
 */
async function renumber(
  { outbox: { files } }: Host,
  kept: QueuedUpload[],
  dropped: readonly QueuedUpload[],
): Promise<void> {
  for (const [i, upload] of kept.entries()) {
    const { uploadId, systemId, previousOrder } = upload.manifest;
    let before = previousOrder;
    for (const { manifest } of dropped.toReversed()) {
      if (manifest.systemId === systemId && manifest.order === before) before = manifest.previousOrder;
    }
    if (before === previousOrder) continue;
    await files.rewrite(uploadId, withPreviousOrder(upload.bytes, before ?? null));
    kept[i] = (await files.find(uploadId)) ?? upload;
  }
}

async function drop(host: Host, { manifest }: QueuedUpload, kept: readonly QueuedUpload[]): Promise<void> {
  const { rows, files } = host.outbox;
  const { uploadId, systemId } = manifest;
  const heir = kept.findLast((upload) => upload.manifest.systemId === systemId);
  if (heir === undefined) rows.replaced(uploadId, 'dropped to keep within outbox_disk_mb');
  else rows.answeredBy(uploadId, 'superseded', heir.manifest.uploadId);
  await files.discard(uploadId);
}

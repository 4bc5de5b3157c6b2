import {
  AkoshaError,
  messageOf,
  parseManifestKey,
  parseReceiptKey,
  receiptKey,
  SYSTEMS_PREFIX,
  type UploadRef,
} from '../../contract/index.js';
import { parseReceipt, type Receipt } from '../../memory/index.js';
import type { ObjectInfo } from '../../objects/index.js';
import type { FoundReceipt, StandingUpload } from '../../store/index.js';
import { eachOf, PAGE, signalOption, type RebuildContext } from './context.js';

/** Notes what stands of each upload. A flat listing, because the folders of a hundred thousand systems would be a request each. */
export async function noteUploads(context: RebuildContext): Promise<void> {
  let done = 0;
  for await (const page of context.uploads.list(SYSTEMS_PREFIX, {
    purpose: 'open',
    ...signalOption(context),
  })) {
    const standing = page.objects.flatMap(standingAt);
    if (standing.length > 0) await context.rebuild.noteUploads(standing);
    done += page.objects.length;
    context.onProgress({ step: 'uploads', done, total: null });
  }
}

function standingAt({ key, modifiedAt }: ObjectInfo): StandingUpload[] {
  const manifestOf = parseManifestKey(key);
  if (manifestOf !== undefined) return [{ place: manifestOf, hasManifest: true, receiptAt: null }];
  const receiptOf = parseReceiptKey(key);
  return receiptOf === undefined
    ? []
    : [{ place: receiptOf, hasManifest: false, receiptAt: modifiedAt.getTime() }];
}

/**
 * The ledger is what receipts say, and a backup of those that are gone. Whatever stands complete and has neither is pending: the server
 * ingests it.
 */
export async function restoreLedger(context: RebuildContext): Promise<void> {
  const { rebuild } = context;
  await rebuild.settleUploads();
  let done = 0;
  const tell = (n: number): void => context.onProgress({ step: 'ledger', done: (done += n), total: null });
  await eachPage(
    (after) => rebuild.unknownPlaces(after, PAGE),
    async (places) => {
      const found = await eachOf(places, (place) => context.readManifest(place, context.signal));
      await rebuild.queueUploads(found.filter((upload) => upload !== undefined));
      tell(places.length);
    },
  );
  await eachPage(
    (after) => rebuild.untoldReceipts(after, PAGE),
    async (places) => {
      await rebuild.adoptReceipts(await eachOf(places, (place) => readReceipt(context, place)));
      tell(places.length);
    },
  );
}

async function eachPage(
  next: (after: UploadRef | null) => Promise<UploadRef[]>,
  work: (places: UploadRef[]) => Promise<void>,
): Promise<void> {
  for (let after: UploadRef | null = null; ;) {
    const places = await next(after);
    const last = places.at(-1);
    if (last === undefined) return;
    await work(places);
    after = last;
  }
}

/** Only the server writes receipts: one that cannot be read is damage, and its upload may not be taken for one without a receipt. */
async function readReceipt(context: RebuildContext, place: UploadRef): Promise<FoundReceipt> {
  const bytes = await context.uploads.get(receiptKey(place), signalOption(context));
  return { place, receipt: parse(place, bytes) };
}

function parse(place: UploadRef, bytes: Buffer): Receipt {
  try {
    return parseReceipt(bytes);
  } catch (error) {
    throw new AkoshaError(
      'ObjectCorrupt',
      `${receiptKey(place)} is no receipt (${messageOf(error)}): delete it to have the upload ingested anew`,
      { cause: error },
    );
  }
}

import { isAkoshaError, receiptKey } from '../contract/index.js';
import type { IngestContext } from './context.js';
import { signalOption } from './signal-option.js';

/** A receipt has a few hundred bytes, and some for each file. */
const MAX_RECEIPT_BYTES = 1024 ** 2;

/**
 * Whether this server may read what lies in the object store at all, told by the receipt that it wrote last: where one upload cannot be read, it
 * is this upload then. False where it has written none so far, so that a server with wrong credentials takes them for wrong from the start.
 */
export async function mayRead(
  { store, uploads }: Pick<IngestContext, 'store' | 'uploads'>,
  signal?: AbortSignal,
): Promise<boolean> {
  const [newest] = (await store.listUploads({ state: 'done', limit: 1 })).uploads;
  if (newest === undefined) return false;
  try {
    await uploads.get(receiptKey(newest.place), { maxBytes: MAX_RECEIPT_BYTES, ...signalOption(signal) });
    return true;
  } catch (error) {
    // Whoever may not read is told that it is refused, not that there is none.
    return isAkoshaError(error, 'ObjectNotFound');
  }
}

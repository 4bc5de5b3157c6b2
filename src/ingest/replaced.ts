import { createHash } from 'node:crypto';
import { AkoshaError, isAkoshaError, manifestKey, type UploadState } from '../contract/index.js';
import { MAX_MANIFEST_BYTES } from '../memory/index.js';
import type { KnownUpload } from '../store/index.js';
import type { IngestContext } from './context.js';
import type { Look } from './look.js';
import { signalOption } from './signal-option.js';

/**
 * Of one that waits, or is in quarantine, the ingest itself finds it out; unless it goes by the manifest as it was queued, where that has the
 * hashes of the files: then too what was first stands.
 */
const INGESTED: ReadonlySet<UploadState> = new Set<UploadState>([
  'committed',
  'receipted',
  'done',
  'raw_gone',
]);

/**
 * Notes as failed those of these uploads, which somebody tells of once more, whose manifest is not the one they were ingested by: an id
 * is never used twice, and what was first stands. Costs a request for each, and nobody tells of many a second time.
 */
export async function tellReplaced(
  context: IngestContext,
  look: Look,
  known: readonly KnownUpload[],
  signal?: AbortSignal,
): Promise<void> {
  const ingested = known.filter(({ state }) => INGESTED.has(state));
  await look.each(
    ingested.map(({ ref, place }) => ({ ...ref, place })),
    async ({ systemId, uploadId, place }) => {
      const record = await context.store.getUpload({ systemId, uploadId });
      const limits = { maxBytes: MAX_MANIFEST_BYTES, ...signalOption(signal) };
      const bytes = await context.uploads.get(manifestKey(place), limits).catch((error: unknown) => {
        // Retention took it: nothing lies there that could be taken for another upload.
        if (isAkoshaError(error, 'ObjectNotFound')) return undefined;
        throw error;
      });
      if (record === undefined || bytes === undefined) return;
      if (createHash('sha256').update(bytes).digest('hex') === record.manifestSha256) return;
      throw new AkoshaError(
        'UploadReplaced',
        `upload ${uploadId} of system ${systemId} is ingested already, by another manifest than now stands there: what was first stands`,
        { details: { systemId, uploadId } },
      );
    },
  );
  look.throwIfEnded();
}

import { messageOf, systemPrefix, uploadPrefix } from '../contract/index.js';
import type { Host } from './host.js';
import { withSignal } from './options.js';

export const DAY_MS = 86_400_000;

/**
 * Removes parts of multipart uploads that this host began more than a day ago and will not go on with: they cost their space, and no
 * listing shows them. Those of uploads that wait in the outbox are kept, however long that has been. Raises nothing.
 */
export async function removeStaleParts(host: Host, signal: AbortSignal | undefined): Promise<void> {
  const { uploads, outbox, systemId, log } = host;
  try {
    const keep = new Set(
      (await outbox.files.list()).flatMap(({ manifest }) =>
        manifest.files.map(({ name }) => uploadPrefix(manifest) + name),
      ),
    );
    await uploads.abortStaleUploads(systemPrefix(systemId), DAY_MS, keep, withSignal(signal));
  } catch (error) {
    if (signal?.aborted === true) return;
    log?.warn(
      { reason: messageOf(error) },
      'parts of abandoned uploads were not removed; tried again in a day',
    );
  }
}

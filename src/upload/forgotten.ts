import { AkoshaError, forgottenSystemKey, isAkoshaError } from '../contract/index.js';
import { recordFailure } from './failures.js';
import type { Host } from './host.js';
import { withHostLock } from './host-lock.js';
import { withSignal } from './options.js';

/**
 * Whether the server says that all memories of this host's system are forgotten. A store that does not answer, or does not let the host
 * look, says nothing: what is sent all the same the server refuses.
 */
async function isForgotten({ uploads, systemId }: Host, signal: AbortSignal | undefined): Promise<boolean> {
  try {
    return (await uploads.head(forgottenSystemKey(systemId), withSignal(signal))) !== undefined;
  } catch (error) {
    if (isAkoshaError(error, 'ObjectStoreUnavailable') || isAkoshaError(error, 'ObjectStoreRefused'))
      return false;
    throw error;
  }
}

/** Before a snapshot: raises `SystemForgotten` where there is nothing to take one for. */
export async function refuseForgotten(host: Host, signal: AbortSignal | undefined): Promise<void> {
  if (await isForgotten(host, signal)) throw forgotten(host);
}

/**
 * Before a delivery, for who holds the delivery lock: drops all snapshots that wait, and raises `SystemForgotten`. Their uploads have failed
 * for good; whoever asks for one once it is lifted gets one of everything.
 */
export async function dropForgotten(host: Host, signal: AbortSignal | undefined): Promise<void> {
  if (!(await isForgotten(host, signal))) return;
  const error = forgotten(host);
  await withHostLock(host.dataDir, signal, async () => {
    for (const { manifest } of await host.outbox.files.list()) {
      if (manifest.systemId !== host.systemId) continue;
      recordFailure(host, manifest.uploadId, error);
      await host.outbox.files.discard(manifest.uploadId);
    }
  });
  host.log?.warn(
    { systemId: host.systemId },
    'the system is forgotten: what waited in the outbox is deleted',
  );
  throw error;
}

function forgotten({ systemId }: Host): AkoshaError {
  return new AkoshaError(
    'SystemForgotten',
    `all memories of system ${systemId} are forgotten, and none is taken in: \`akosha forget lift --system ${systemId}\` on the server lets them in again`,
    { details: { systemId } },
  );
}

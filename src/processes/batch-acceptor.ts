import type { AkoshaClient } from '../client/index.js';
import { messageOf, type UploadRef } from '../contract/index.js';
import { BatchAcceptor, registerUpload } from '../ingest/index.js';
import type { Logger } from '../telemetry/index.js';
import type { ServerParts } from './server-parts.js';

/** What takes memories in over HTTP; each upload it stores is ingested at once, not at the next poll. */
export function createBatchAcceptor(
  { ingest }: ServerParts,
  client: Pick<AkoshaClient, 'nudgeIngest'>,
  { version, log }: { version: string; log: Logger },
): BatchAcceptor {
  const handOver = async (ref: UploadRef): Promise<void> => {
    try {
      if (await registerUpload(ingest, ref)) await client.nudgeIngest([ref.systemId]);
    } catch (error) {
      // Its inbox entry stands: the next poll finds it.
      log.info(
        { ...ref, reason: messageOf(error) },
        'an upload over HTTP waits for the next poll of the inbox',
      );
    }
  };
  return new BatchAcceptor(ingest, { version, now: Date.now, onStored: (ref) => void handOver(ref) });
}

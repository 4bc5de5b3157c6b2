import { isAkoshaError } from '../contract/index.js';
import { deliverUpload, type Delivery } from './deliver.js';
import type { HostContext } from './host.js';
import { withHostLock } from './host-lock.js';
import { Outbox } from './outbox.js';
import { prepareUpload, type PreparedUpload, type PrepareOptions } from './prepare.js';

export interface DirectSync extends Delivery {
  upload: PreparedUpload;
  /** Ids of earlier uploads that this call delivered first. */
  earlier: string[];
}

/**
 * A whole sync without an orchestrator: what the outbox still holds, in order, then a new upload. Repeating
 * it with the same upload id resumes; one that is delivered is not sent again. Raises what `prepareUpload`
 * and `deliverUpload` do.
 */
export async function syncDirectly(host: HostContext, options: PrepareOptions): Promise<DirectSync> {
  const earlier: string[] = [];
  for (const { manifest } of await new Outbox(host).list()) {
    if (manifest.uploadId === options.uploadId) break;
    try {
      await deliverUpload(host, manifest.uploadId, options);
      earlier.push(manifest.uploadId);
    } catch (error) {
      if (!isAkoshaError(error, 'UploadReplaced')) throw error;
      // It can never be delivered, and the upload below holds the whole databases: nothing is lost with it.
      host.log?.warn(
        { uploadId: manifest.uploadId, reason: error.message },
        'dropping an upload from the outbox',
      );
      await withHostLock(host.dataDir, options.signal, () => new Outbox(host).discard(manifest.uploadId));
    }
  }
  const upload = await prepareUpload(host, options);
  const delivery = await deliverUpload(host, upload.uploadId, options);
  return { upload, ...delivery, earlier };
}

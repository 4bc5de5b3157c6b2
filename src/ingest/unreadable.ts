import { AkoshaError } from '../contract/index.js';
import type { UploadRecord } from '../store/index.js';

/** An upload that breaks a rule: it goes to quarantine. */
export function unreadable(record: UploadRecord, rule: string): AkoshaError {
  return new AkoshaError(
    'UploadUnreadable',
    `upload ${record.uploadId} of system ${record.systemId}: ${rule}`,
    {
      details: { systemId: record.systemId, uploadId: record.uploadId, rule },
    },
  );
}

import type { UploadRef } from './memory.js';

/**
 * How far a look for raw uploads to delete has come. First those whose time is over, by when that began (milliseconds since 1970); then
 * those that were kept because their order was their system's greatest, and is it no more.
 */
export interface RetentionCursor extends UploadRef {
  part: 'expired' | 'outnumbered';
  since: number;
}

export interface RetentionBatch {
  /** Uploads of which something was deleted. */
  deleted: number;
  /** Where the next batch begins; null behind the last. */
  next: RetentionCursor | null;
}

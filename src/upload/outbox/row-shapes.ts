import { z } from 'zod';
import { ContentsColumn } from './contents.js';

export const UPLOAD_STATES = [
  /** A snapshot is to be taken, or is being taken. */
  'requested',
  /** The snapshot waits for delivery. */
  'prepared',
  /** Acknowledged. */
  'delivered',
  /** Another upload has the same rows, and they are ingested: nothing was sent. */
  'unchanged',
  /** A newer snapshot holds all of it: it was dropped before anything of it was sent. */
  'superseded',
  /** Somebody cancelled it. */
  'cancelled',
  /** No later try could help. */
  'failed',
] as const;
export type UploadState = (typeof UPLOAD_STATES)[number];

export const UploadRowSchema = z
  .object({
    upload_id: z.string(),
    system_id: z.string(),
    state: z.enum(UPLOAD_STATES),
    host_order: z.number().nullable(),
    created_at: z.number(),
    attempts: z.number(),
    next_try_at: z.number(),
    last_error: z.string().nullable(),
    error_type: z.string().nullable(),
    method: z.string().nullable(),
    files: z.number(),
    bytes: z.number(),
    bytes_sent: z.number(),
    begun: z.number(),
    contents: ContentsColumn,
    answered_by: z.string().nullable(),
    receipt: z.string().nullable(),
    ended_at: z.number().nullable(),
  })
  .transform((row) => ({
    uploadId: row.upload_id,
    systemId: row.system_id,
    state: row.state,
    order: row.host_order,
    createdAt: row.created_at,
    /** Failed ones. */
    attempts: row.attempts,
    nextTryAt: row.next_try_at,
    lastError: row.last_error,
    /** Of the error that ended it. */
    errorType: row.error_type,
    method: row.method,
    files: row.files,
    /** After compression. */
    bytes: row.bytes,
    bytesSent: row.bytes_sent,
    /** Some of it was sent. */
    begun: row.begun === 1,
    contents: row.contents,
    /** The upload that has its rows: of one that was not sent. */
    answeredBy: row.answered_by,
    /** What its receipt says; null where it is not known. */
    receipt: row.receipt,
    endedAt: row.ended_at,
  }));
export type UploadRow = z.infer<typeof UploadRowSchema>;

export const RequestRowSchema = z
  .object({
    request_id: z.number(),
    trigger: z.string(),
    force_method: z.string().nullable(),
    enable_fallback: z.number().nullable(),
    created_at: z.number(),
    upload_id: z.string().nullable(),
  })
  .transform((row) => ({
    requestId: row.request_id,
    trigger: row.trigger,
    forceMethod: row.force_method,
    enableFallback: row.enable_fallback === null ? null : row.enable_fallback === 1,
    createdAt: row.created_at,
    /** Null: no snapshot has taken it up. */
    uploadId: row.upload_id,
  }));
export type RequestRow = z.infer<typeof RequestRowSchema>;

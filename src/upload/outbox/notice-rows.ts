import { z } from 'zod';
import type { OutboxConnection } from './connection.js';
import { UploadRowSchema, type UploadRow } from './row-shapes.js';

const Attempts = z.object({ notice_attempts: z.number() });
const NextAt = z.object({ next_at: z.number().nullable() });

/** Which ended uploads somebody is yet to be told of. Each has one notice, whoever asked for it and how often. */
export class NoticeRows {
  constructor(
    readonly connection: OutboxConnection,
    readonly now: () => number,
  ) {}

  /** Those whose next try has come and that ended so long ago, oldest first. */
  due(leastAgeMs = 0): UploadRow[] {
    const now = this.now();
    return this.connection.all(
      UploadRowSchema,
      `SELECT * FROM uploads WHERE notice = 'due' AND notice_next_at <= $now AND ended_at <= $ended ORDER BY ended_at`,
      { now, ended: now - leastAgeMs },
    );
  }

  /** When the next one may be tried: milliseconds since 1970; null where none is due. */
  nextAt(): number | null {
    const sql = `SELECT min(notice_next_at) AS next_at FROM uploads WHERE notice = 'due'`;
    return this.connection.get(NextAt, sql)?.next_at ?? null;
  }

  /** Takes one up, for as long: false where another process has done so. After a crash it is free again by itself. */
  claim(uploadId: string, forMs: number): boolean {
    const now = this.now();
    return (
      this.connection.run(
        `UPDATE uploads SET notice_next_at = $until
         WHERE upload_id = $uploadId AND notice = 'due' AND notice_next_at <= $now`,
        { uploadId, now, until: now + forMs },
      ) === 1
    );
  }

  /** Leaves it for another time, after a wait that grows with the tries that failed. */
  tryFailed(uploadId: string, waitMs: (attempts: number) => number): void {
    const sql = 'SELECT notice_attempts FROM uploads WHERE upload_id = $uploadId';
    const attempts = (this.connection.get(Attempts, sql, { uploadId })?.notice_attempts ?? 0) + 1;
    this.connection.run(
      'UPDATE uploads SET notice_attempts = $attempts, notice_next_at = $nextAt WHERE upload_id = $uploadId',
      { uploadId, attempts, nextAt: this.now() + waitMs(attempts) },
    );
  }

  /** Lets go of one that was taken up, as if nobody had. */
  release(uploadId: string): void {
    this.connection.run('UPDATE uploads SET notice_next_at = 0 WHERE upload_id = $uploadId', { uploadId });
  }

  end(uploadId: string, notice: 'sent' | 'given_up'): void {
    this.connection.run('UPDATE uploads SET notice = $notice WHERE upload_id = $uploadId', {
      uploadId,
      notice,
    });
  }

  /** Nobody was there to tell of those that ended so long ago, and nobody will be told of them. */
  expire(leastAgeMs: number): void {
    this.connection.run(`UPDATE uploads SET notice = NULL WHERE notice = 'due' AND ended_at <= $ended`, {
      ended: this.now() - leastAgeMs,
    });
  }
}

import { z } from 'zod';
import type { OutboxConnection } from './connection.js';

const Row = z
  .object({ server_upload_id: z.string(), inherited: z.number() })
  .transform((row) => ({ uploadId: row.server_upload_id, inherited: row.inherited === 1 }));

/** An upload that a server made of memories that this host sent. */
export interface ServerUpload {
  uploadId: string;
  /** An earlier upload of this host brought it. */
  inherited: boolean;
}

/** One of this host's uploads, and the server that it went to. */
interface SentTo {
  uploadId: string;
  url: string;
}

/** Under which ids servers keep what this host sent over HTTP, so that it can ask what became of it. */
export class ServerUploadRows {
  constructor(readonly connection: OutboxConnection) {}

  /** In the order in which the server stored them, which is the one in which it ingests them. */
  of({ uploadId, url }: SentTo): ServerUpload[] {
    return this.connection.all(
      Row,
      `SELECT server_upload_id, inherited FROM server_uploads
       WHERE upload_id = $uploadId AND url = $url ORDER BY server_upload_row`,
      { uploadId, url },
    );
  }

  add({ uploadId, url }: SentTo, serverUploadId: string): void {
    this.connection.run(
      `INSERT INTO server_uploads (upload_id, url, server_upload_id, inherited)
       VALUES ($uploadId, $url, $serverUploadId, 0) ON CONFLICT DO NOTHING`,
      { uploadId, url, serverUploadId },
    );
  }

  /**
   * For an upload of which nothing had to be sent: its memories stand in what the system's last one before it was stored as. Does
   * nothing for one that has ids of its own.
   */
  inherit({ uploadId, url }: SentTo): void {
    this.connection.run(
      `INSERT INTO server_uploads (upload_id, url, server_upload_id, inherited)
       SELECT $uploadId, url, server_upload_id, 1 FROM server_uploads
       WHERE url = $url AND upload_id = (
           SELECT upload_id FROM server_uploads JOIN uploads USING (upload_id)
           WHERE url = $url AND system_id = (SELECT system_id FROM uploads WHERE upload_id = $uploadId)
           ORDER BY server_upload_row DESC LIMIT 1)
         AND NOT EXISTS (SELECT 1 FROM server_uploads WHERE url = $url AND upload_id = $uploadId)
       ORDER BY server_upload_row`,
      { uploadId, url },
    );
  }
}

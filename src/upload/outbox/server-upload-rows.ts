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

  add(sent: SentTo, serverUploadId: string): void {
    this.#insert(sent, serverUploadId, 0);
  }

  /** Of memories that were not sent, because the server has them: what it stored them as when earlier uploads brought them. */
  inherit(sent: SentTo, serverUploadIds: readonly string[]): void {
    this.connection.transaction(() => {
      for (const serverUploadId of serverUploadIds) this.#insert(sent, serverUploadId, 1);
    });
  }

  #insert({ uploadId, url }: SentTo, serverUploadId: string, inherited: 0 | 1): void {
    this.connection.run(
      `INSERT INTO server_uploads (upload_id, url, server_upload_id, inherited)
       VALUES ($uploadId, $url, $serverUploadId, $inherited) ON CONFLICT DO NOTHING`,
      { uploadId, url, serverUploadId, inherited },
    );
  }
}

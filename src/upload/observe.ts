import { z } from 'zod';
import { spanOf } from './notice.js';
import type { Outbox } from './outbox/outbox.js';
import type { UploadRow } from './outbox/row-shapes.js';

const Ended = z.object({ upload_id: z.string(), ended_at: z.number().nullable() });
const Oldest = z.object({ oldest: z.number().nullable() });

/** How one sync ended; see the metrics of the same names. */
interface EndedSync {
  outcome: string;
  method: string;
  bytes: number;
  seconds: number;
}

/**
 * Reads from the outbox what became of this host's syncs, whichever process did them. The outbox remembers a hundred: of more between two
 * looks the oldest are not counted.
 */
export class SyncObserver {
  readonly #outbox: Outbox;
  /** Those of the outbox that were told of. Not an instant from which on: clocks are set back. */
  #told: ReadonlySet<string>;

  /** What has ended by now is history. */
  constructor(outbox: Outbox) {
    this.#outbox = outbox;
    this.#told = new Set(this.#ended().keys());
  }

  /** Those that have ended since the last call. */
  takeEnded(): EndedSync[] {
    const ended = this.#ended();
    const ids = [...ended].flatMap(([key, uploadId]) => (this.#told.has(key) ? [] : [uploadId]));
    this.#told = new Set(ended.keys());
    return ids.flatMap((uploadId) => {
      const row = this.#outbox.rows.upload(uploadId);
      return row === undefined ? [] : [this.#describe(row)];
    });
  }

  /** Upload ids by what no other end has: an upload that is asked for again under its id ends again. */
  #ended(): Map<string, string> {
    const found = this.#outbox.rows.connection.all(
      Ended,
      `SELECT upload_id, ended_at FROM uploads WHERE state IN ('delivered', 'unchanged', 'failed', 'cancelled')
         AND error_type IS NOT 'UploadReplaced' ORDER BY ended_at`,
    );
    return new Map(found.map(({ upload_id: id, ended_at: at }) => [`${id} ${at ?? 0}`, id]));
  }

  standing(): { requests: number; uploads: number; oldestAgeSeconds: number; lastSuccessAt: number | null } {
    const { rows } = this.#outbox;
    const lastSuccess = rows.lastEnded('delivered', 'unchanged')?.endedAt ?? null;
    const { oldest } = rows.connection.get(
      Oldest,
      `SELECT min(created_at) AS oldest FROM (
         SELECT created_at FROM uploads WHERE state IN ('requested', 'prepared')
         UNION ALL SELECT created_at FROM requests WHERE upload_id IS NULL)`,
    ) ?? { oldest: null };
    return {
      requests: rows.openRequests().length,
      uploads: rows.uploadsIn('requested', 'prepared').length,
      oldestAgeSeconds: oldest === null ? 0 : Math.max(0, rows.now() - oldest) / 1000,
      lastSuccessAt: lastSuccess === null ? null : lastSuccess / 1000,
    };
  }

  #describe(row: UploadRow): EndedSync {
    const asked = this.#outbox.rows.requestsOf(row.uploadId)[0]?.createdAt;
    const { requestedAt, endedAt } = spanOf(row, asked);
    return {
      outcome: row.state,
      method: row.method ?? 'none',
      bytes: row.bytesSent,
      seconds: (endedAt - requestedAt) / 1000,
    };
  }
}

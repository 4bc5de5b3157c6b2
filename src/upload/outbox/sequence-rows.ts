import { z } from 'zod';
import type { OutboxConnection } from './connection.js';

const StateRow = z.object({ last_order: z.number(), last_acknowledged_order: z.number().nullable() });
const UploadId = z.object({ upload_id: z.string() });

/** What a host knows of its system's order numbers. */
export interface SequenceState {
  /** The greatest number given out or seen. */
  lastOrder: number;
  /** The greatest number of a complete upload in the object store. */
  lastAcknowledgedOrder: number | null;
  /** Uploads in the object store whose numbers are accounted for above, so that they are read once. */
  knownUploads: readonly string[];
}

export const NO_SEQUENCE: SequenceState = { lastOrder: 0, lastAcknowledgedOrder: null, knownUploads: [] };

export class SequenceRows {
  constructor(readonly connection: OutboxConnection) {}

  /** Undefined where there is none: then the object store knows. */
  load(systemId: string): SequenceState | undefined {
    const row = this.connection.get(StateRow, 'SELECT * FROM sequence WHERE system_id = $systemId', {
      systemId,
    });
    if (row === undefined) return undefined;
    const known = this.connection.all(
      UploadId,
      'SELECT upload_id FROM known_uploads WHERE system_id = $systemId',
      {
        systemId,
      },
    );
    return {
      lastOrder: row.last_order,
      lastAcknowledgedOrder: row.last_acknowledged_order,
      knownUploads: known.map(({ upload_id: uploadId }) => uploadId),
    };
  }

  save(systemId: string, state: SequenceState): void {
    this.connection.transaction(() => {
      this.connection.run(
        `INSERT INTO sequence VALUES ($systemId, $lastOrder, $lastAcknowledgedOrder)
         ON CONFLICT DO UPDATE SET last_order = excluded.last_order,
           last_acknowledged_order = excluded.last_acknowledged_order`,
        {
          systemId,
          lastOrder: state.lastOrder,
          lastAcknowledgedOrder: state.lastAcknowledgedOrder,
        },
      );
      const ids = JSON.stringify(state.knownUploads);
      this.connection.run(
        `DELETE FROM known_uploads WHERE system_id = $systemId
           AND upload_id NOT IN (SELECT value FROM json_each($ids))`,
        { systemId, ids },
      );
      this.connection.run(
        `INSERT INTO known_uploads SELECT $systemId, value FROM json_each($ids) WHERE true ON CONFLICT DO NOTHING`,
        { systemId, ids },
      );
    });
  }
}

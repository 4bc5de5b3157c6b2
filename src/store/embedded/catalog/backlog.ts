import type { Backlog, SystemLag } from '../../store.js';
import type { CatalogDatabase } from './database.js';

/**
 * What was found, by its inbox entry or by a walk, and is not ingested. An entry of the index for each upload that waits, however many
 * the ledger holds.
 */
export function backlog(db: CatalogDatabase): Backlog {
  const oldest = db.get<{ at: number }>(
    `SELECT registered_at AS at FROM uploads WHERE state = 'pending' ORDER BY registered_at LIMIT 1`,
  );
  const count = (state: string): number =>
    db.number(`SELECT count(*) FROM uploads WHERE state = $state`, { state });
  return { uploads: count('pending'), oldest: oldest?.at ?? null, quarantined: count('quarantined') };
}

export function furthestBehind(db: CatalogDatabase, limit: number, systemId?: string): SystemLag[] {
  const one = systemId === undefined ? '' : 'AND system_id = $systemId';
  return db.all<SystemLag>(
    `SELECT system_id AS systemId, count(*) AS pending, min(registered_at) AS oldest FROM uploads
     WHERE state = 'pending' ${one} GROUP BY system_id ORDER BY oldest, system_id LIMIT $limit`,
    systemId === undefined ? { limit } : { limit, systemId },
  );
}

import { TABLE_TIERS, type RepairableTier } from '../../../contract/index.js';
import type { TierDamage } from '../../repair.js';
import type { CatalogDatabase } from './database.js';

/** Kept until a repair is through: a server that is started again in the middle of one must say so too. */
export function damagedTiers(db: CatalogDatabase): TierDamage[] {
  return TABLE_TIERS.flatMap((tier) => {
    const since = db.number(`SELECT coalesce(max(value), 0) FROM meta WHERE key = $key`, {
      key: keyOf(tier),
    });
    return since === 0 ? [] : [{ tier, since }];
  });
}

/** The first time counts: damage on damage is one. */
export function noteDamage(db: CatalogDatabase, tier: RepairableTier, at: number): void {
  db.run('INSERT INTO meta (key, value) VALUES ($key, $at) ON CONFLICT DO NOTHING', { key: keyOf(tier), at });
}

export function endDamage(db: CatalogDatabase, tier: RepairableTier): void {
  db.run('DELETE FROM meta WHERE key = $key', { key: keyOf(tier) });
}

function keyOf(tier: RepairableTier): string {
  return `damaged_${tier}`;
}

import type { Kind, MemoryKey, Tier } from '../../../contract/index.js';
import type { KeptTier, Pin, PinPage, PinPageRequest, PinRequest } from '../../store.js';
import type { CatalogDatabase } from './database.js';

/** A pin `n` counts until its end; with `$now`. */
const STANDS = `(n.until IS NULL OR n.until > $now)`;

/** Two look-ups by the primary key: of the memory itself, and of its system. */
const OF_MEMORY = `n.system_id = p.system_id AND n.kind = p.kind AND n.memory_id = p.memory_id`;
const OF_SYSTEM = `n.system_id = p.system_id AND n.kind = ''`;

function anyPin(condition: string): string {
  return [OF_MEMORY, OF_SYSTEM]
    .map((scope) => `EXISTS (SELECT 1 FROM pins n WHERE ${scope} AND ${STANDS} AND ${condition})`)
    .join(' OR ');
}

/** Whether no pin keeps a placement `p` in the tier where it is; with `$now`. Of several the one that allows least counts. */
export const NOT_PINNED = `NOT (${anyPin(`NOT (n.tier IS 'warm' AND p.tier = 'hot')`)})`;

/**
 * Whether no person has pinned a placement `p`, to whichever tier: what is pinned is kept for ever. What a thaw brought back is not: it goes by its
 * age as before.
 */
export const NOT_KEPT = `NOT (${[OF_MEMORY, OF_SYSTEM]
  .map((scope) => `EXISTS (SELECT 1 FROM pins n WHERE ${scope} AND n.source = 'pin')`)
  .join(' OR ')})`;

/** The same of a memory in `incoming`; with `$system`. */
export const INCOMING_NOT_KEPT = `NOT EXISTS (SELECT 1 FROM pins n WHERE n.system_id = $system AND n.source = 'pin'
  AND ((n.kind = incoming.kind AND n.memory_id = incoming.memory_id) OR n.kind = ''))`;

interface PinRow {
  system_id: string;
  kind: Kind | '';
  memory_id: string;
  source: Pin['source'];
  tier: KeptTier | null;
  since: number;
  until: number | null;
  reason: string | null;
}

/** The pins that count for a memory. */
export function pinsOf(db: CatalogDatabase, { systemId, kind, memoryId }: MemoryKey, now: number): Pin[] {
  const rows = db.all<PinRow>(
    `SELECT * FROM pins n WHERE n.system_id = $systemId AND ((n.kind = $kind AND n.memory_id = $memoryId) OR n.kind = '') AND ${STANDS}
     ORDER BY n.kind DESC, n.source`,
    { systemId, kind, memoryId, now },
  );
  return rows.map(toPin);
}

function toPin({ system_id, kind, memory_id, ...pin }: PinRow): Pin {
  return kind === ''
    ? { systemId: system_id, kind: null, memoryId: null, ...pin }
    : { systemId: system_id, kind, memoryId: memory_id, ...pin };
}

/** The placements `p` of keys given as `$keys`. */
const NAMED = `json_each($keys) k CROSS JOIN placements p ON p.system_id = k.value ->> 'systemId'
  AND p.kind = k.value ->> 'kind' AND p.memory_id = k.value ->> 'memoryId'`;

/** A pin that stands gets the new tier and reason. */
const RENEWED = 'ON CONFLICT DO UPDATE SET tier = excluded.tier, reason = excluded.reason';

export function pinMemories(
  db: CatalogDatabase,
  memories: readonly MemoryKey[],
  { tier, reason, now }: PinRequest & { now: number },
): number {
  return db.run(
    `INSERT INTO pins (system_id, kind, memory_id, source, tier, since, reason)
     SELECT p.system_id, p.kind, p.memory_id, 'pin', coalesce($tier, p.tier), $now, $reason FROM ${NAMED}
     WHERE p.deleted = 0 AND ($tier IS NOT NULL OR p.tier <> 'cold') ${RENEWED}`,
    { keys: JSON.stringify(memories), tier, reason, now },
  );
}

export function pinSystem(
  db: CatalogDatabase,
  systemId: string,
  { tier, reason, now }: PinRequest & { now: number },
): void {
  db.run(
    `INSERT INTO pins (system_id, source, tier, since, reason) VALUES ($systemId, 'pin', $tier, $now, $reason) ${RENEWED}`,
    { systemId, tier, reason, now },
  );
}

export function unpinMemories(db: CatalogDatabase, memories: readonly MemoryKey[]): number {
  return db.run(
    `DELETE FROM pins WHERE (system_id, kind, memory_id) IN
       (SELECT value ->> 'systemId', value ->> 'kind', value ->> 'memoryId' FROM json_each($keys))`,
    { keys: JSON.stringify(memories) },
  );
}

export function unpinSystem(db: CatalogDatabase, systemId: string): number {
  return db.run('DELETE FROM pins WHERE system_id = $systemId', { systemId });
}

export function listPins(
  db: CatalogDatabase,
  { systemId, after, limit, now }: PinPageRequest & { now: number },
): PinPage {
  const rows = db.all<PinRow>(
    `SELECT * FROM pins n WHERE (system_id, kind, memory_id, source) > ($afterSystem, $afterKind, $afterId, $afterSource)
       AND ${systemId === undefined ? '' : 'system_id = $systemId AND'} ${STANDS}
     ORDER BY system_id, kind, memory_id, source LIMIT $limit`,
    {
      afterSystem: after?.systemId ?? '',
      afterKind: after?.kind ?? '',
      afterId: after?.memoryId ?? '',
      afterSource: after?.source ?? '',
      limit,
      now,
      ...(systemId === undefined ? {} : { systemId }),
    },
  );
  const pins = rows.map(toPin);
  const last = pins.length < limit ? undefined : pins.at(-1);
  return { pins, next: last ?? null };
}

/** Lets go what thaws brought back, of placements given as a JSON list of numbers. */
export function endThaws(db: CatalogDatabase, pids: string): void {
  db.run(
    `DELETE FROM pins WHERE (system_id, kind, memory_id, source) IN
       (SELECT p.system_id, p.kind, p.memory_id, 'thaw' FROM json_each($pids) c CROSS JOIN placements p ON p.pid = c.value)`,
    { pids },
  );
}

/** Keeps what an operation has brought to a tier there for a while, by its age it would leave with the next transition. */
export function keepThawed(
  db: CatalogDatabase,
  { opId, to, staysUntil, now }: { opId: number; to: Tier; staysUntil: number; now: number },
): void {
  db.run(
    `INSERT INTO pins (system_id, kind, memory_id, source, tier, since, until)
     SELECT p.system_id, p.kind, p.memory_id, 'thaw', $to, $now, $staysUntil FROM batch_rows b
     JOIN placements p ON p.pid = b.pid AND p.row_id = b.new_row_id WHERE b.op_id = $opId
     ON CONFLICT DO UPDATE SET tier = excluded.tier, since = excluded.since, until = excluded.until`,
    { opId, to, staysUntil, now },
  );
}

/** Pins that are over keep nothing. */
export function trimPins(db: CatalogDatabase, now: number): void {
  db.run('DELETE FROM pins WHERE until <= $now', { now });
}

/** Whether a new version of the memory in `incoming` has to be hot, whatever its age; with `$system` and `$now`. */
export const PINNED_HOT = `EXISTS (SELECT 1 FROM pins n WHERE n.system_id = $system
  AND ((n.kind = incoming.kind AND n.memory_id = incoming.memory_id) OR n.kind = '') AND ${STANDS}
  AND (n.tier = 'hot' OR (n.tier IS NULL AND (SELECT p.tier FROM placements p WHERE p.pid = incoming.pid) = 'hot')))`;

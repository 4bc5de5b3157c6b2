import type { ColdPartition, Kind } from '../../../contract/index.js';
import type { CompactionGroup } from '../../store.js';
import type { CatalogDatabase } from './database.js';
import { noteLook } from './expiry.js';

interface ColdObject {
  name: string;
  bytes: number;
  sha256: string;
  systemId: string;
  month: string;
  /** That it holds; null where nobody counted them. */
  rows: number | null;
  /** Of them those that it keeps for a placement. */
  kept: number;
}

/** Most rows of a merged object: 30 MB or so, which a search that needs a few of them downloads in a second. */
const MOST_ROWS = 100_000;

/** The same where texts are long: a search that needs one of them downloads it all. */
const MOST_BYTES = 64 * 2 ** 20;

/**
 * An object is merged with smaller ones only where these have half its rows together: so a row is written anew some dozen times at most,
 * however many small objects come, and not with each of them.
 */
const GROWTH = 2;

/** Less than a day, so that an hourly transition that comes some minutes early takes its turn at the same hour. */
const TURN_MS = 23 * 3_600_000;

/** Whether `takeCompactionTurn` would be true. */
export function isCompactionTurn(db: CatalogDatabase, now: number): boolean {
  return (
    db.number(`SELECT count(*) FROM meta WHERE key = 'compacted_at' AND value > $after`, {
      after: now - TURN_MS,
    }) === 0
  );
}

/**
 * Whether a compaction is due; only once. Cold rows change seldom, but each change would have its whole object written anew by every hourly transition:
 * once a day they are taken together. The look for memories to expire, as of `lookedAt`, counts with the turn, so that its steps are one a day.
 */
export function takeCompactionTurn(
  db: CatalogDatabase,
  { now, lookedAt }: { now: number; lookedAt: number | undefined },
): boolean {
  return db.transaction(() => {
    const taken = db.run(
      `INSERT INTO meta VALUES ('compacted_at', $now) ON CONFLICT DO UPDATE SET value = excluded.value
       WHERE meta.value <= $before`,
      { now, before: now - TURN_MS },
    );
    if (taken > 0 && lookedAt !== undefined) noteLook(db, lookedAt);
    return taken > 0;
  });
}

/** Reads the catalog's row of every cold object, and counts what each keeps by an index: a second for each some million memories. */
export function compactionsDue(db: CatalogDatabase, all: boolean): ColdPartition[] {
  const due = groupsOf(coldObjects(db), all).map(({ systemId, month }) => {
    const [year = 0, number = 0] = month.split('-').map(Number);
    return { systemId, year, month: number };
  });
  return [...new Map(due.map((one) => [`${one.systemId}/${one.year}/${one.month}`, one])).values()];
}

export function compactionGroups(
  db: CatalogDatabase,
  { systemId, month, all }: { systemId: string; month: string; all: boolean },
): CompactionGroup[] {
  return groupsOf(coldObjects(db, systemId), all).filter((group) => group.month === month);
}

function coldObjects(db: CatalogDatabase, systemId?: string): ColdObject[] {
  const only = systemId === undefined ? '' : 'AND o.system_id = $systemId';
  return db.all<ColdObject>(
    `SELECT o.name, o.bytes, o.sha256, o.system_id AS systemId, o.rows,
       strftime('%Y-%m', o.min_own_time / 1000, 'unixepoch') AS month,
       (SELECT count(*) FROM placements p WHERE p.keeper_id = o.object_id) AS kept
     FROM objects o WHERE o.kind = 'cold' ${only} ORDER BY systemId, month, kept, o.name`,
    systemId === undefined ? {} : { systemId },
  );
}

/** Of objects in order of system, month and size. */
function groupsOf(objects: readonly ColdObject[], all: boolean): CompactionGroup[] {
  const partitions = new Map<string, ColdObject[]>();
  for (const object of objects) {
    // One that keeps nothing is the sweep's.
    if (object.kept === 0) continue;
    const key = `${object.systemId}/${object.month}`;
    partitions.set(key, [...(partitions.get(key) ?? []), object]);
  }
  return [...partitions.values()].flatMap((partition) =>
    merges(partition, all)
      .filter((group) => group.length > 1 || group.some(({ rows, kept }) => rows !== kept))
      .map((group) => ({
        systemId: group[0]?.systemId ?? '',
        month: group[0]?.month ?? '',
        sources: group.map(({ name, bytes, sha256 }) => ({ name, bytes, sha256 })),
      })),
  );
}

/** Every object is in one group; one that is alone stays as it is, unless it holds rows that it does not keep. */
function merges(objects: readonly ColdObject[], all: boolean): ColdObject[][] {
  const chunks = inChunks(objects);
  if (all) return chunks;
  // What is behind the smallest of them is large already.
  const [small = [], ...large] = chunks;
  const merged = worthMerging(small);
  return [small.slice(0, merged), ...[...small.slice(merged), ...large.flat()].map((object) => [object])];
}

function inChunks(objects: readonly ColdObject[]): ColdObject[][] {
  const chunks: ColdObject[][] = [];
  let [rows, bytes] = [Infinity, 0];
  for (const object of objects) {
    const keptBytes = object.bytes * (object.kept / (object.rows ?? object.kept));
    rows += object.kept;
    bytes += keptBytes;
    if (rows > MOST_ROWS || bytes > MOST_BYTES) {
      chunks.push([]);
      [rows, bytes] = [object.kept, keptBytes];
    }
    chunks.at(-1)?.push(object);
  }
  return chunks;
}

/** How many of the first, in order of size, are worth it together: the largest of them counts for no more than the growth allows. */
function worthMerging(objects: readonly ColdObject[]): number {
  let rows = 0;
  let worth = 0;
  objects.forEach(({ kept }, i) => {
    if (i > 0 && kept <= rows * GROWTH) worth = i + 1;
    rows += kept;
  });
  return worth;
}

/** A row that an object keeps. */
export interface KeptRow {
  name: string;
  kind: Kind;
  memoryId: string;
}

/** What these objects keep, also for placements whose row stands in another tier. */
export function keptRows(db: CatalogDatabase, names: readonly string[]): KeptRow[] {
  return db.all<KeptRow>(
    `SELECT o.name, p.kind, p.memory_id AS memoryId FROM objects o JOIN placements p ON p.keeper_id = o.object_id
     WHERE o.name IN (SELECT value FROM json_each($names))`,
    { names: JSON.stringify(names) },
  );
}

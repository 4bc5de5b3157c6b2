import { isAkoshaError, type RepairableTier, type ScrubFinding } from '../../contract/index.js';
import { throwIfAborted } from '../../objects/index.js';
import type { RowCursor, ScrubbedPart } from '../store.js';
import type { PlacedRow } from './catalog/scrub.js';
import type { EngineContext } from './context.js';
import { compareRow, damagedTable, NOTHING_FOUND, unplaced } from './scrub-findings.js';
import { noticeDamage } from './tiers/damage.js';
import { readWhole, rowsBehind, rowsById, rowsOf, type ScrubbedRow } from './tiers/scrubbing.js';
import type { PeriodTable } from './tiers/tables.js';

export interface RowScrub {
  cursor: RowCursor;
  limit: number;
  signal: AbortSignal | undefined;
}

type ScrubbedRows = ScrubbedPart & { next: RowCursor | null };

/** Ids begin above it. */
const BEGINNING = -1;
const END = Number.MAX_SAFE_INTEGER;

/**
 * Rows and placements of one table in the order of their row ids, side by side; behind the last table the placements for which there is none.
 * Rows are read before placements, so what was placed in between looks lost, and what was moved looks left over: the second look tells.
 */
export async function scrubTierRows(
  context: EngineContext,
  isDamaged: (tier: RepairableTier) => boolean,
  scrub: RowScrub,
): Promise<ScrubbedRows> {
  const { tier, table: name, after } = scrub.cursor;
  throwIfAborted(scrub.signal, `scrub of ${tier}`);
  if (isDamaged(tier)) return { ...NOTHING_FOUND, next: behind(tier) };
  const tables = (await context.tiers.tables(tier)).toSorted((a, b) => a.from - b.from);
  const table = tables.find((one) => one.name > name || (one.name === name && after < END));
  const part =
    table === undefined
      ? { ...(await scrubGaps(context, tier, tables)), next: behind(tier) }
      : await scrubTable(context, table, { ...scrub, after: table.name === name ? after : BEGINNING });
  // Set aside meanwhile: what it lacks is on record as lost, and comes back by a repair.
  return isDamaged(tier) ? { ...NOTHING_FOUND, next: behind(tier) } : part;
}

function behind(tier: RepairableTier): RowCursor | null {
  return tier === 'hot' ? { tier: 'warm', table: '', after: BEGINNING } : null;
}

async function scrubTable(
  context: EngineContext,
  table: PeriodTable,
  { after, limit }: { after: number; limit: number },
): Promise<ScrubbedRows> {
  const { tier, name } = table;
  const through = { tier, table: name, after: END };
  const read = await readRows(context, table, { after, limit });
  if ('damage' in read)
    return {
      ...NOTHING_FOUND,
      findings: [damagedTable(tier, name, read.damage)],
      next: through,
    };
  let { rows } = read;
  let upTo = rows.length === limit ? (rows.at(-1)?.rowId ?? END) : END;
  let placed = await context.catalog.read.placedBetween({ ...table, after, upTo, limit: limit + 1 });
  if (placed.length > limit) {
    placed = placed.slice(0, limit);
    upTo = placed.at(-1)?.rowId ?? END;
    rows = rows.filter(({ rowId }) => rowId <= upTo);
  }
  const byId = new Map(rows.map((row) => [row.rowId, row]));
  const suspects = placed.filter((one) => compareRow(tier, one, byId.get(one.rowId)).length > 0);
  const named = new Set(placed.map(({ rowId }) => rowId));
  const unnamed = rows.filter(({ rowId }) => !named.has(rowId));
  return {
    counts: { placements: placed.length, rows: rows.length },
    findings: [
      ...(await confirmLost(context, tier, suspects)),
      ...(await findUnplaced(context, table, unnamed)),
    ],
    next: upTo === END ? through : { tier, table: name, after: upTo },
  };
}

/** The whole of a table is read when it is begun with, its vectors and texts too; a fault that a second try does not meet was none. */
async function readRows(
  { tiers }: EngineContext,
  table: PeriodTable,
  page: { after: number; limit: number },
): Promise<{ rows: ScrubbedRow[] } | { damage: string }> {
  const read = (): Promise<ScrubbedRow[]> =>
    noticeDamage(table.tier, async () => {
      if (page.after === BEGINNING) await readWhole(tiers, table);
      return rowsBehind(tiers, table, page);
    });
  for (let isSecond = false; ; isSecond = true) {
    try {
      return { rows: await read() };
    } catch (error) {
      if (!isAkoshaError(error, 'StoreDamaged')) throw error;
      if (isSecond) return { damage: error.message };
    }
  }
}

/**
 * A placement's row stands before it is placed, and until long after it is not: where the placement is the same after the second look, the
 * row should have been there.
 */
async function confirmLost(
  { catalog, tiers }: EngineContext,
  tier: RepairableTier,
  suspects: readonly PlacedRow[],
): Promise<ScrubFinding[]> {
  if (suspects.length === 0) return [];
  const rows = await rowsOf(tiers, tier, suspects);
  const still = new Set(await catalog.read.stillPlaced(tier, suspects));
  return suspects
    .filter(({ pid }) => still.has(pid))
    .flatMap((placed) => compareRow(tier, placed, rows.get(placed.rowId)));
}

async function findUnplaced(
  { catalog: { read }, tiers }: EngineContext,
  table: PeriodTable,
  unnamed: readonly ScrubbedRow[],
): Promise<ScrubFinding[]> {
  const suspects = unnamed.length === 0 ? [] : await read.unplacedRows(unnamed);
  if (suspects.length === 0) return [];
  const standing = await rowsById(tiers, table, suspects);
  const still = new Set(await read.unplacedRows(standing));
  return standing.filter(({ rowId }) => still.has(rowId)).map((row) => unplaced(row, qualifiedName(table)));
}

function qualifiedName(table: PeriodTable): string {
  return `${table.tier}/${table.name}`;
}

/** Of one gap between tables: more says nothing new. */
const GAP_ROWS = 1_000;

/** Placements of times for which no table stands. */
async function scrubGaps(
  context: EngineContext,
  tier: RepairableTier,
  tables: readonly PeriodTable[],
): Promise<ScrubbedPart> {
  const findings: ScrubFinding[] = [];
  let placements = 0;
  for (const gap of gapsBetween(tables)) {
    const placed = await context.catalog.read.placedWithin({ tier, ...gap, limit: GAP_ROWS });
    placements += placed.length;
    findings.push(...(await confirmLost(context, tier, placed)));
  }
  return { counts: { placements, rows: 0 }, findings };
}

/** Of tables in order of time. */
function gapsBetween(tables: readonly PeriodTable[]): { from: number; until: number }[] {
  const ends = [Number.MIN_SAFE_INTEGER, ...tables.map(({ until }) => until)];
  const begins = [...tables.map(({ from }) => from), Number.MAX_SAFE_INTEGER];
  return ends
    .map((from, i) => ({ from, until: begins[i] ?? from }))
    .filter(({ from, until }) => from < until);
}

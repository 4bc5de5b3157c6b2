import { expect, it, onTestFinished } from 'vitest';
import { EMBEDDING_DIMENSIONS, EMBEDDING_MODEL } from '../../../src/memory/index.js';
import type { EngineContext } from '../../../src/store/embedded/context.js';
import { qualified, tableFor, type TableTier } from '../../../src/store/embedded/tiers/tables.js';
import { TierDatabase } from '../../../src/store/embedded/tiers/tier-database.js';
import type { IndexedPlace } from '../../../src/store/embedded/vector-index/messages.js';
import { readVectors } from '../../../src/store/embedded/vector-index/read-vectors.js';
import { temporaryFolder } from '../../reader/support.js';

const DAY = 86_400_000;
const NOW = Date.parse('2026-11-22T12:00:00Z');

async function openTiers(): Promise<TierDatabase> {
  const folder = await temporaryFolder();
  const tiers = await TierDatabase.open({ folder, memoryMb: 256, scratch: `${folder}/scratch` });
  onTestFinished(() => tiers.close());
  return tiers;
}

function place(rowId: number, tier: TableTier, ownTime: number): IndexedPlace {
  return { pid: rowId, rowId, tier, ownTime } as IndexedPlace;
}

/** A row whose vector is its id throughout; without an id none. */
async function insert(
  tiers: TierDatabase,
  { rowId, tier, ownTime }: IndexedPlace,
  vector: number | null,
): Promise<void> {
  const table = tableFor(tier, ownTime);
  const type = tier === 'hot' ? 'FLOAT' : 'TINYINT';
  const cells = vector === null ? 'NULL' : `list_resize([]::${type}[], ${EMBEDDING_DIMENSIONS}, ${vector})`;
  await tiers.read((connection) =>
    tiers.write(tier, connection, async () => {
      await tiers.createTables(connection, tier, [table]);
      await connection.run(
        `INSERT INTO ${qualified(table)} SELECT ${rowId}, 1, 'host', 'conversation', 'id', 'hash', 1, 'upload',
           make_timestamp(${ownTime} * 1000), 'text', NULL, NULL, '{}', ${cells}${tier === 'warm' ? ', 1' : ''}`,
      );
    }),
  );
}

it('vectors of rows in several tables of both tiers are read, and of none that has no vector, is gone, or whose table is', async () => {
  const tiers = await openTiers();
  const [hot, hotter] = [place(1, 'hot', NOW), place(2, 'hot', NOW - DAY)];
  const [warm, without, between] = [3, 4, 5].map((id) => place(id, 'warm', NOW - 30 * DAY)) as [
    IndexedPlace,
    IndexedPlace,
    IndexedPlace,
  ];
  const other = place(6, 'warm', NOW - 30 * DAY);
  for (const row of [hot, hotter, warm, between, other]) await insert(tiers, row, row.rowId);
  await insert(tiers, without, null);
  const gone = place(7, 'warm', NOW - 30 * DAY);
  const dropped = place(8, 'warm', NOW - 80 * DAY);

  const wanted = [hot, hotter, warm, without, other, gone, dropped];
  const read = await readVectors({ tiers } as EngineContext, EMBEDDING_MODEL, wanted);

  const found = read.parts.flatMap(({ places, components }) =>
    places.map(({ rowId }, i) => [
      rowId,
      components[i * EMBEDDING_DIMENSIONS],
      components[(i + 1) * EMBEDDING_DIMENSIONS - 1],
    ]),
  );
  expect(found.toSorted(([a], [b]) => (a ?? 0) - (b ?? 0))).toEqual([1, 2, 3, 6].map((id) => [id, id, id]));
  expect(read.without.map(({ rowId }) => rowId).toSorted()).toEqual([4, 7, 8]);
});

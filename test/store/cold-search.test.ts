import { join } from 'node:path';
import { DuckDBConnection } from '@duckdb/node-api';
import { expect, it, onTestFinished, vi } from 'vitest';
import { TIERS, type MemoryKey } from '../../src/contract/index.js';
import { moveToCold, moveToWarm } from '../../src/maintenance/index.js';
import { queryNumber } from '../../src/store/embedded/tiers/queries.js';
import { TierDatabase } from '../../src/store/embedded/tiers/tier-database.js';
import { temporaryFolder } from '../reader/support.js';
import { NOW, SYSTEM, type World } from './protocol/world.js';
import { openWorld } from './support.js';

/** Days before `NOW`: one in hot, one in warm, and three months of cold. */
const AGES = { hot: 1, warm: 40, june: 160, july: 130, march: 250 };

async function agedWorld(): Promise<World> {
  const world = await openWorld();
  const rows = Object.entries(AGES).map(([id, age]) => ({ id, text: `the text of ${id}`, age }));
  await world.ingest('u1', 1, rows);
  while ((await moveToWarm(world.maintenance(), NOW)).due > 0);
  for (const partition of await world.store.coldPartitionsDue(NOW, true)) {
    await moveToCold(world.maintenance(), NOW, partition);
  }
  return world;
}

const keyOf = (memoryId: string): MemoryKey => ({ systemId: SYSTEM, kind: 'conversation', memoryId });

it('rows of several cold objects are fetched by one query, beside those of the other tiers', async () => {
  const world = await agedWorld();
  expect(await world.objectNames('cold/')).toHaveLength(3);
  const queries = vi.spyOn(DuckDBConnection.prototype, 'runAndReadAll');
  onTestFinished(() => queries.mockRestore());
  const keys = [...Object.keys(AGES), 'nobody'].map(keyOf);
  const found = await world.store.fetch(keys, TIERS);
  expect(new Map(found.map((row) => [row.memoryId, [row.tier, row.content]]))).toEqual(
    new Map(
      Object.keys(AGES).map((id) => [id, [id === 'hot' || id === 'warm' ? id : 'cold', `the text of ${id}`]]),
    ),
  );
  const read = queries.mock.calls.filter(([sql]) => sql.includes('read_parquet'));
  expect(read).toHaveLength(1);
});

it('of cold objects only those that hold a row asked for are opened', async () => {
  const world = await agedWorld();
  const queries = vi.spyOn(DuckDBConnection.prototype, 'runAndReadAll');
  onTestFinished(() => queries.mockRestore());
  expect(await world.store.fetch([keyOf('june'), keyOf('hot')], TIERS)).toHaveLength(2);
  const [read] = queries.mock.calls.filter(([sql]) => sql.includes('read_parquet'));
  expect(read?.[0].match(/\.parquet'/g)).toHaveLength(1);
  queries.mockClear();
  expect(await world.store.fetch([keyOf('hot')], TIERS)).toHaveLength(1);
  expect(queries.mock.calls.filter(([sql]) => sql.includes('read_parquet'))).toEqual([]);
});

it('what the footer of a cold object says is kept', async () => {
  const folder = await temporaryFolder();
  const tiers = await TierDatabase.open({ folder, memoryMb: 256, scratch: folder });
  onTestFinished(() => tiers.close());
  const file = join(folder, 'cold.parquet');
  const number = (sql: string): Promise<number> => tiers.read((connection) => queryNumber(connection, sql));
  await number(`COPY (SELECT 1 AS a, 'text' AS b, 2 AS c) TO '${file}' (FORMAT parquet)`);
  await number(`SELECT a FROM read_parquet('${file}')`);
  // Without it DuckDB keeps some 200 bytes for every file that it has read.
  const kept = await number(`SELECT memory_usage_bytes FROM duckdb_memory() WHERE tag = 'OBJECT_CACHE'`);
  expect(kept).toBeGreaterThan(1000);
});

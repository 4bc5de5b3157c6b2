import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { TierDatabase } from '../../src/store/embedded/tiers/tier-database.js';
import { measureTier } from '../../src/store/embedded/tiers/tier-size.js';
import {
  qualified,
  tableFor,
  timestampSql,
  type PeriodTable,
} from '../../src/store/embedded/tiers/tables.js';

const [OLD, NEW] = [Date.UTC(2026, 10, 1), Date.UTC(2026, 10, 2)];

let folder: string;
let tiers: TierDatabase;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'akosha-tier-size-'));
  tiers = await TierDatabase.open({ folder, memoryMb: 256, scratch: path.join(folder, 'scratch') });
});

afterEach(async () => {
  tiers.close();
  await rm(folder, { recursive: true });
});

it('counts the log, and not the blocks that a file keeps of a dropped table', async () => {
  const [old, young] = [tableFor('hot', OLD), tableFor('hot', NEW)];
  await fill(old);
  const logged = await measureTier(tiers, 'hot');
  expect(logged.usedBytes).toBeGreaterThan(3_000_000);
  await tiers.checkpointTier('hot');
  await fill(young);
  await tiers.checkpointTier('hot');
  const both = await measureTier(tiers, 'hot');
  await tiers.read((connection) => tiers.write('hot', connection, () => tiers.dropTable(connection, old)));
  await tiers.checkpointTier('hot');
  const left = await measureTier(tiers, 'hot');
  expect(both.usedBytes).toBeGreaterThan(6_000_000);
  expect(left.usedBytes).toBeLessThan(0.6 * both.usedBytes);
  expect(left.bytes).toBeGreaterThan(0.9 * both.bytes);
});

/** 3 MB of vectors that do not compress. */
function fill(table: PeriodTable): Promise<void> {
  return tiers.read((connection) =>
    tiers.write('hot', connection, async () => {
      await tiers.createTables(connection, 'hot', [table]);
      await connection.run(
        `INSERT INTO ${qualified(table)} SELECT i, 1, 'host-1', 'conversation', i::VARCHAR, 'h', 1, 'u1', ${timestampSql(table.from)},
           'text', NULL, NULL, '{}', list_transform(range(384), lambda x: random() + x)::FLOAT[384] FROM range(2000) t(i)`,
      );
    }),
  );
}

import { stat } from 'node:fs/promises';
import { literal, type TableTier } from './tables.js';
import { queryNumber } from './queries.js';
import type { TierDatabase } from './tier-database.js';

export interface TierSize {
  /** On disk: the tier's file and its log. */
  bytes: number;
  /**
   * What rows take of it: the blocks in use, and the log. A file keeps the blocks that deleted rows freed. Blocks are of 256 KiB, so of few
   * rows it says little.
   */
  usedBytes: number;
}

export async function measureTier(tiers: TierDatabase, tier: TableTier): Promise<TierSize> {
  const file = tiers.file(tier);
  const log = await fileBytes(`${file}.wal`);
  const blocks = await tiers.read((connection) =>
    queryNumber(
      connection,
      `SELECT used_blocks * block_size FROM pragma_database_size() WHERE database_name = ${literal(tier)}`,
    ),
  );
  return { bytes: (await fileBytes(file)) + log, usedBytes: blocks + log };
}

async function fileBytes(file: string): Promise<number> {
  const found = await stat(file).catch(() => undefined);
  return found?.size ?? 0;
}

import { AkoshaError } from '../../../contract/index.js';
import { throwIfAborted } from '../../../objects/index.js';
import { literal, type TableTier } from './tables.js';
import { queryNumber } from './queries.js';
import type { TierDatabase } from './tier-database.js';

/** UUIDs cannot be made smaller, and so many are one row group: a block of their own. */
const ROWS_PER_BLOCK = 10_240;

/** Of 256 KiB, written in one turn of the tier's writers: a quarter of a second. */
const BLOCKS_AT_ONCE = 256;

/** Blocks that others free meanwhile take another round. */
const MOST_ROUNDS = 20;

/**
 * Overwrites the blocks of a tier's file that came free: DuckDB leaves in them what they held until it needs them again. They are taken for
 * noise, all of them before any is given back. It costs a millisecond for each.
 */
export async function overwriteFreeBlocks(
  tiers: TierDatabase,
  tier: TableTier,
  signal: AbortSignal | undefined,
): Promise<void> {
  const noise = `${tier}.main.overwritten`;
  const free = `SELECT free_blocks FROM pragma_database_size() WHERE database_name = ${literal(tier)}`;
  const write = (sql: string): Promise<void> =>
    tiers.read((connection) => tiers.write(tier, connection, async () => void (await connection.run(sql))));
  await write(`CREATE TABLE IF NOT EXISTS ${noise} (noise UUID)`);
  for (let rounds = 0; ; rounds++) {
    let blocks = await tiers.read((connection) => queryNumber(connection, free));
    if (blocks === 0) break;
    if (rounds === MOST_ROUNDS)
      throw new AkoshaError('VerifyFailed', `${blocks} free blocks of ${tier} are not overwritten`);
    for (; blocks > 0; blocks -= BLOCKS_AT_ONCE) {
      throwIfAborted(signal, 'overwriting of free blocks');
      const rows = Math.min(blocks, BLOCKS_AT_ONCE) * ROWS_PER_BLOCK;
      await write(`INSERT INTO ${noise} SELECT uuid() FROM range(${rows})`);
    }
  }
  await write(`DROP TABLE ${noise}`);
  await tiers.checkpointTier(tier);
}

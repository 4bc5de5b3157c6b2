import type { DuckDBConnection } from '@duckdb/node-api';
import { AkoshaError } from '../../../contract/index.js';
import { queryNumber } from './queries.js';
import { literal, type TableTier } from './tables.js';

/**
 * The version of a tier's tables (tables.ts), which its file tells by a view. With any change of their columns another one, and a step here that makes it of the
 * one before. Files of before there was a number have version 1 as well.
 */
const TIER_VERSION = 1;

/**
 * Marks a file that does not tell its version, and refuses one of a newer: `StoreDamaged`. The way back from that needs nothing of the newer program, because
 * a tier is derived: it comes back from the objects that keep its rows.
 */
export async function requireVersion(
  connection: DuckDBConnection,
  tier: TableTier,
  file: string,
): Promise<void> {
  const marked = await queryNumber(
    connection,
    `SELECT count(*) FROM duckdb_views() WHERE database_name = ${literal(tier)} AND view_name = 'schema_version'`,
  );
  if (marked === 0) {
    await connection.run(`CREATE VIEW ${tier}.main.schema_version AS SELECT ${TIER_VERSION} AS version`);
    return;
  }
  const version = await queryNumber(connection, `SELECT version FROM ${tier}.main.schema_version`);
  if (version <= TIER_VERSION) return;
  throw new AkoshaError(
    'StoreDamaged',
    `${file} has version ${version} of its tables, which a newer version wrote, and this one knows up to ${TIER_VERSION}: start the newer one, or move the file away: \`akosha repair\` brings back what it held`,
  );
}

import { requireRows } from './queries.js';
import type { TierDatabase } from './tier-database.js';
import type { KeptRow } from '../catalog/compaction.js';
import { writeColdSql } from './cold-file.js';
import { OperationConnection } from './operation-connection.js';
import { literal } from './tables.js';

/** The rows that some cold objects keep, on a connection of their own. */
export class CompactionStaging {
  private constructor(
    private readonly connection: OperationConnection,
    private readonly rows: number,
  ) {}

  static async load(
    tiers: TierDatabase,
    kept: readonly KeptRow[],
    signal: AbortSignal,
  ): Promise<CompactionStaging> {
    const connection = await OperationConnection.open(tiers, signal);
    try {
      await connection.run('CREATE TEMP TABLE kept (name VARCHAR, kind VARCHAR, memory_id VARCHAR)');
      const appender = await connection.appendTo('kept');
      for (const { name, kind, memoryId } of kept) {
        for (const value of [name, kind, memoryId]) appender.appendVarchar(value);
        appender.endRow();
      }
      appender.closeSync();
      return new CompactionStaging(connection, kept.length);
    } catch (error) {
      connection.close();
      throw error;
    }
  }

  /** `files` are the local copies of `sources`, in their order. */
  async export(sources: readonly string[], files: readonly string[], path: string): Promise<void> {
    const written = await this.connection.run(writeColdSql(keptSql(sources, files), path));
    requireRows(this.rows, written, 'rows that cold objects keep');
  }

  async verify(sources: readonly string[], files: readonly string[], path: string): Promise<void> {
    const [found] = await this.connection.rows<{ same: bigint; standing: bigint }>(
      `WITH source AS MATERIALIZED (${keptSql(sources, files)}),
         copy AS MATERIALIZED (SELECT * FROM read_parquet(${literal(path)}, hive_partitioning = false))
       SELECT (SELECT count(*) FROM (SELECT * FROM source INTERSECT ALL SELECT * FROM copy)) AS same,
         (SELECT count(*) FROM copy) AS standing`,
    );
    requireRows(this.rows, Number(found?.same ?? 0), 'rows of a merged cold object');
    requireRows(this.rows, Number(found?.standing ?? 0), 'rows of a merged cold object');
  }

  close(): void {
    this.connection.close();
  }
}

/** Each object has a key once, so key and object name a row. */
function keptSql(sources: readonly string[], files: readonly string[]): string {
  const named = sources.map((name, i) => `(${literal(name)}, ${literal(files[i] ?? '')})`);
  return `SELECT s.* EXCLUDE (filename) FROM read_parquet([${files.map(literal).join(', ')}], filename = true, union_by_name = true,
      hive_partitioning = false) s
    JOIN (VALUES ${named.join(', ')}) n(name, file) ON n.file = s.filename
    JOIN kept k ON k.name = n.name AND k.kind = s.kind AND k.memory_id = s.memory_id`;
}

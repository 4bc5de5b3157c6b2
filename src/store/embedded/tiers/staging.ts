import type { DuckDBConnection } from '@duckdb/node-api';
import { failPoint } from '../../../faults/index.js';
import type { IncomingRow, RowToWrite } from '../catalog/ingest.js';
import {
  COMMON_COLUMNS,
  createTableSql,
  literal,
  qualified,
  quantisedSql,
  tableFor,
  timestampSql,
} from './tables.js';
import { queryNumber, queryRows, requireRows, type TierDatabase } from './tier-database.js';

/** Rows per message to the catalog's thread: some megabytes at most, so that others' calls come in between. */
const CHUNK = 10_000;

/** Texts are counted by bytes, because one can be hundreds of kilobytes. */
const TEXT_PART_BYTES = 4_000_000;

/** The keys of a rows file, in parts. `n` is the row's place in the file. */
export async function* readKeys(tiers: TierDatabase, rowsFile: string): AsyncGenerator<IncomingRow[]> {
  for (let offset = 0; ; offset += CHUNK) {
    const rows = await tiers.read((connection) =>
      queryRows<{
        n: bigint;
        kind: IncomingRow['kind'];
        memory_id: string;
        hash: string;
        own: bigint;
        project: string | null;
      }>(
        connection,
        `SELECT file_row_number AS n, kind, memory_id, hash, epoch_ms(own_time) AS own, project
         FROM read_parquet(${literal(rowsFile)}, file_row_number = true)
         WHERE file_row_number >= ${offset} AND file_row_number < ${offset + CHUNK} ORDER BY n`,
      ),
    );
    if (rows.length === 0) return;
    yield rows.map((row) => ({
      n: Number(row.n),
      kind: row.kind,
      memoryId: row.memory_id,
      hash: row.hash,
      ownTime: Number(row.own),
      project: row.project,
    }));
  }
}

export interface StagingInput {
  rowsFile: string;
  opId: number;
  systemId: string;
  uploadId: string;
  order: number;
  writes: readonly RowToWrite[];
}

/** The rows that one ingest writes, in a temporary table of a connection of their own. */
export class IngestStaging {
  readonly #tiers: TierDatabase;
  readonly #connection: DuckDBConnection;

  private constructor(tiers: TierDatabase, connection: DuckDBConnection) {
    this.#tiers = tiers;
    this.#connection = connection;
  }

  static async load(tiers: TierDatabase, input: StagingInput): Promise<IngestStaging> {
    const connection = await tiers.connect();
    try {
      await connection.run('CREATE TEMP TABLE assigned (n BIGINT, row_id BIGINT, tier VARCHAR)');
      const appender = await connection.createAppender('assigned', 'main', 'temp');
      for (const write of input.writes) {
        appender.appendBigInt(BigInt(write.n));
        appender.appendBigInt(BigInt(write.rowId));
        appender.appendVarchar(write.tier);
        appender.endRow();
      }
      appender.closeSync();
      await connection.run(
        `CREATE TEMP TABLE staged AS
         SELECT a.n, a.tier, a.row_id, ${input.opId}::BIGINT AS op_id, ${literal(input.systemId)} AS system_id, r.kind,
           r.memory_id, r.hash, ${input.order}::BIGINT AS ord, ${literal(input.uploadId)} AS upload_id, r.own_time, r.content,
           r.project, r.tags, r.fields, r.embedding,
           CAST(sum(strlen(r.content)) OVER (ORDER BY a.n) // ${TEXT_PART_BYTES} AS BIGINT) AS part
         FROM read_parquet(${literal(input.rowsFile)}, file_row_number = true) r
         JOIN assigned a ON a.n = r.file_row_number`,
      );
    } catch (error) {
      connection.closeSync();
      throw error;
    }
    return new IngestStaging(tiers, connection);
  }

  /** The texts of the rows, in parts, for the text index. */
  async *texts(): AsyncGenerator<{ n: number; content: string }[]> {
    const last = await queryNumber(this.#connection, 'SELECT coalesce(max(part), -1) FROM staged');
    for (let part = 0; part <= last; part++) {
      const rows = await queryRows<{ n: bigint; content: string }>(
        this.#connection,
        `SELECT n, content FROM staged WHERE part = ${part}`,
      );
      yield rows.map((row) => ({ n: Number(row.n), content: row.content }));
    }
  }

  /** Step 2 of ingest: one transaction per tier, since two attached files cannot share one. */
  async insert(): Promise<void> {
    await this.#insertTier('hot');
    failPoint('ingest.after-hot-insert');
    await this.#insertTier('warm');
  }

  async #insertTier(tier: 'hot' | 'warm'): Promise<void> {
    const times = await queryRows<{ own: bigint }>(
      this.#connection,
      `SELECT DISTINCT epoch_ms(date_trunc('day', own_time)) AS own FROM staged WHERE tier = '${tier}'`,
    );
    const tables = new Map(
      times.map(({ own }) => tableFor(tier, Number(own))).map((table) => [table.name, table]),
    );
    const staged = await queryNumber(this.#connection, `SELECT count(*) FROM staged WHERE tier = '${tier}'`);
    await this.#tiers.write(tier, this.#connection, async () => {
      let inserted = 0;
      for (const table of tables.values()) {
        const source = `(SELECT * FROM staged WHERE tier = '${tier}'
          AND own_time >= ${timestampSql(table.from)} AND own_time < ${timestampSql(table.until)})`;
        const columns = COMMON_COLUMNS.join(', ');
        const select = tier === 'hot' ? `SELECT ${columns}, embedding FROM ${source}` : quantisedSql(source);
        await this.#connection.run(createTableSql(table));
        inserted += (await this.#connection.run(`INSERT INTO ${qualified(table)} ${select}`)).rowsChanged;
      }
      requireRows(staged, inserted, `rows inserted into ${tier}`);
    });
  }

  /** The journal object: the same rows, with their vectors, so that a lost tier can be rebuilt without the model. */
  async exportJournal(path: string): Promise<void> {
    await this.#connection.run(
      `COPY (SELECT ${COMMON_COLUMNS.join(', ')}, embedding FROM staged ORDER BY n)
       TO ${literal(path)} (FORMAT parquet, COMPRESSION zstd)`,
    );
  }

  close(): void {
    this.#connection.closeSync();
  }
}

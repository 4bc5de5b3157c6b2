import { failPoint } from '../../../faults/index.js';
import { DELETED_HASH, EMBEDDING_DIMENSIONS } from '../../../memory/index.js';
import type { DeletionToWrite, RowToWrite } from '../catalog/classify.js';
import type { IncomingRow } from '../catalog/ingest.js';
import { OperationConnection } from './operation-connection.js';
import {
  COMMON_COLUMNS,
  createTableSql,
  literal,
  qualified,
  quantisedSql,
  tableFor,
  timestampSql,
} from './tables.js';
import { queryRows, requireRows, type TierDatabase } from './tier-database.js';

/** Rows per message to the catalog's thread: some megabytes at most, so that others' calls come in between. */
const CHUNK = 10_000;

/** Texts are counted by bytes, because one can be hundreds of kilobytes. */
const TEXT_PART_BYTES = 4_000_000;

/** DuckDB gathers a group of rows in memory before it writes them; of the 122,880 of its default the vectors alone take 190 MB. */
const JOURNAL_ROW_GROUP = 8_192;

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
  rows: readonly RowToWrite[];
  deletions: readonly DeletionToWrite[];
  /** The operation's. */
  signal: AbortSignal;
}

/** The rows that one ingest writes, in a temporary table of a connection of their own. */
export class IngestStaging {
  readonly #connection: OperationConnection;

  private constructor(connection: OperationConnection) {
    this.#connection = connection;
  }

  static async load(tiers: TierDatabase, input: StagingInput): Promise<IngestStaging> {
    const connection = await OperationConnection.open(tiers, input.signal);
    try {
      await assignRows(connection, input.rows);
      await assignDeletions(connection, input.deletions);
      await connection.run(stagedSql(input));
    } catch (error) {
      connection.close();
      throw error;
    }
    return new IngestStaging(connection);
  }

  /** The texts of the rows, in parts, for the text index. */
  async *texts(): AsyncGenerator<{ n: number; content: string }[]> {
    const parts = await this.#connection.rows<{ first: bigint; last: bigint }>(
      `SELECT min(n) AS first, max(n) AS last
       FROM (SELECT n, sum(strlen(content)) OVER (ORDER BY n) // ${TEXT_PART_BYTES} AS part FROM staged)
       GROUP BY part ORDER BY part`,
    );
    for (const { first, last } of parts) {
      const rows = await this.#connection.rows<{ n: bigint; content: string }>(
        `SELECT n, content FROM staged WHERE n BETWEEN ${first} AND ${last} AND hash <> '${DELETED_HASH}'`,
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
    const times = await this.#connection.rows<{ own: bigint }>(
      `SELECT DISTINCT epoch_ms(date_trunc('day', own_time)) AS own FROM staged WHERE tier = '${tier}'`,
    );
    const tables = new Map(
      times.map(({ own }) => tableFor(tier, Number(own))).map((table) => [table.name, table]),
    );
    const staged = await this.#connection.number(`SELECT count(*) FROM staged WHERE tier = '${tier}'`);
    await this.#connection.write(tier, async () => {
      let inserted = 0;
      for (const table of tables.values()) {
        const source = `(SELECT * FROM staged WHERE tier = '${tier}'
          AND own_time >= ${timestampSql(table.from)} AND own_time < ${timestampSql(table.until)})`;
        const columns = COMMON_COLUMNS.join(', ');
        const select = tier === 'hot' ? `SELECT ${columns}, embedding FROM ${source}` : quantisedSql(source);
        await this.#connection.run(createTableSql(table));
        inserted += await this.#connection.run(`INSERT INTO ${qualified(table)} ${select}`);
      }
      requireRows(staged, inserted, `rows inserted into ${tier}`);
    });
  }

  /**
   * The journal object: the same rows, with their vectors, so that a lost tier can be rebuilt without the model. In the order in
   * which they come: to sort them takes as much memory as they do.
   */
  async exportJournal(path: string): Promise<void> {
    await this.#connection.run(
      `COPY (SELECT ${COMMON_COLUMNS.join(', ')}, embedding FROM staged)
       TO ${literal(path)} (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE ${JOURNAL_ROW_GROUP})`,
    );
  }

  close(): void {
    this.#connection.close();
  }
}

async function assignRows(connection: OperationConnection, rows: readonly RowToWrite[]): Promise<void> {
  await connection.run('CREATE TEMP TABLE assigned (n BIGINT, row_id BIGINT, tier VARCHAR)');
  const appender = await connection.appendTo('assigned');
  for (const row of rows) {
    appender.appendBigInt(BigInt(row.n));
    appender.appendBigInt(BigInt(row.rowId));
    appender.appendVarchar(row.tier);
    appender.endRow();
  }
  appender.closeSync();
}

async function assignDeletions(
  connection: OperationConnection,
  deletions: readonly DeletionToWrite[],
): Promise<void> {
  await connection.run(
    `CREATE TEMP TABLE deletions (n BIGINT, row_id BIGINT, tier VARCHAR, kind VARCHAR, memory_id VARCHAR, own BIGINT,
       project VARCHAR, ord BIGINT)`,
  );
  const appender = await connection.appendTo('deletions');
  for (const row of deletions) {
    appender.appendBigInt(BigInt(row.n));
    appender.appendBigInt(BigInt(row.rowId));
    for (const text of [row.tier, row.kind, row.memoryId]) appender.appendVarchar(text);
    appender.appendBigInt(BigInt(row.ownTime));
    if (row.project === null) appender.appendNull();
    else appender.appendVarchar(row.project);
    appender.appendBigInt(BigInt(row.order));
    appender.endRow();
  }
  appender.closeSync();
}

/** A deletion has the columns of any row, an empty text and no vector, so that no search finds it; its hash says what it is. */
function stagedSql({ rowsFile, opId, systemId, uploadId, order }: StagingInput): string {
  const columns = [...COMMON_COLUMNS, 'embedding'].join(', ');
  const common = `${opId}::BIGINT AS op_id, ${literal(systemId)} AS system_id, ${literal(uploadId)} AS upload_id`;
  return `
    CREATE TEMP TABLE staged AS
    SELECT n, tier, ${columns} FROM (
      SELECT a.n, a.tier, a.row_id, ${common}, r.kind, r.memory_id, r.hash, ${order}::BIGINT AS ord, r.own_time, r.content,
        r.project, r.tags, r.fields, r.embedding
      FROM read_parquet(${literal(rowsFile)}, file_row_number = true) r JOIN assigned a ON a.n = r.file_row_number)
    UNION ALL
    SELECT n, tier, ${columns} FROM (
      SELECT n, tier, row_id, ${common}, kind, memory_id, '${DELETED_HASH}' AS hash, ord, make_timestamp(own * 1000) AS own_time,
        '' AS content, project, NULL::VARCHAR[] AS tags, '{}' AS fields, NULL::FLOAT[${EMBEDDING_DIMENSIONS}] AS embedding
      FROM deletions)`;
}

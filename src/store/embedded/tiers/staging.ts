import { DELETED_HASH, EMBEDDING_DIMENSIONS, EMBEDDING_MODEL, type RowKey } from '../../../memory/index.js';
import type { DeletionToWrite, RowToWrite } from '../catalog/classify.js';
import type { IncomingText } from '../catalog/text-index.js';
import { OperationConnection } from './operation-connection.js';
import {
  COMMON_COLUMNS,
  literal,
  qualified,
  quantisedSql,
  tableFor,
  timestampSql,
  VECTOR_COLUMNS,
  type TableTier,
} from './tables.js';
import { queryRows, requireRows } from './queries.js';
import type { TierDatabase } from './tier-database.js';

/** Rows per message to the catalog's thread: some megabytes at most, so that others' calls come in between. */
const CHUNK = 10_000;

/** Texts are counted by bytes, because one can be hundreds of kilobytes. */
const TEXT_PART_BYTES = 4_000_000;

/** DuckDB gathers a group of rows in memory before it writes them; of the 122,880 of its default the vectors alone take 190 MB. */
const JOURNAL_ROW_GROUP = 8_192;

/** The keys of a rows file, in parts, in no order within one. `n` is the row's place in the file. */
export async function* readKeys(tiers: TierDatabase, rowsFile: string): AsyncGenerator<RowKey[]> {
  for (let offset = 0; ; offset += CHUNK) {
    const rows = await tiers.read((connection) =>
      queryRows<{
        n: bigint;
        kind: RowKey['kind'];
        memory_id: string;
        hash: string;
        own: bigint;
        project: string | null;
      }>(
        connection,
        `SELECT file_row_number AS n, kind, memory_id, hash, epoch_ms(own_time) AS own, project
         FROM read_parquet(${literal(rowsFile)}, file_row_number = true)
         WHERE file_row_number >= ${offset} AND file_row_number < ${offset + CHUNK}`,
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
    // Asking once more for what is not there would take as long as the answer did.
    if (rows.length < CHUNK) return;
  }
}

/** The rows that one ingest writes. */
export interface StagedIngest {
  rowsFile: string;
  opId: number;
  systemId: string;
  uploadId: string;
  order: number;
  rows: readonly RowToWrite[];
  deletions: readonly DeletionToWrite[];
}

/**
 * The rows of one ingest or of several, in temporary tables of a connection of their own. Several share every statement: to plan
 * one takes DuckDB longer than to run it over a hundred rows, and a commit waits for the disk however little it holds.
 */
export class IngestStaging {
  readonly #connection: OperationConnection;
  readonly #days: readonly StagedDay[];

  private constructor(connection: OperationConnection, days: readonly StagedDay[]) {
    this.#connection = connection;
    this.#days = days;
  }

  /** The caller closes it. */
  static async load(
    tiers: TierDatabase,
    ingests: readonly StagedIngest[],
    signal: AbortSignal,
  ): Promise<IngestStaging> {
    const connection = await OperationConnection.open(tiers, signal);
    try {
      await appendIngests(connection, ingests);
      await appendRows(connection, ingests);
      if (haveDeletions(ingests)) await appendDeletions(connection, ingests);
      await connection.run(stagedSql(ingests));
      const days = await stagedDays(connection);
      const assigned = ingests.reduce((sum, { rows, deletions }) => sum + rows.length + deletions.length, 0);
      requireRows(assigned, sumOf(days, 'rows'), 'rows staged');
      return new IngestStaging(connection, days);
    } catch (error) {
      connection.close();
      throw error;
    }
  }

  /** The texts of all ingests' rows by their operation, or undefined where they are more than a part. */
  async textsTogether(): Promise<Map<number, IncomingText[]> | undefined> {
    if (sumOf(this.#days, 'bytes') > TEXT_PART_BYTES) return undefined;
    const rows = await this.#connection.rows<StagedText & { op_id: bigint }>(
      `SELECT op_id, ${TEXT_COLUMNS} FROM staged WHERE hash <> '${DELETED_HASH}'`,
    );
    const texts = new Map<number, IncomingText[]>();
    for (const row of rows) {
      const opId = Number(row.op_id);
      const own = texts.get(opId);
      if (own === undefined) texts.set(opId, [incomingText(row)]);
      else own.push(incomingText(row));
    }
    return texts;
  }

  /** The texts of one ingest's rows, in parts. */
  async *texts(opId: number): AsyncGenerator<IncomingText[]> {
    const parts = await this.#connection.rows<{ first: bigint; last: bigint }>(
      `SELECT min(n) AS first, max(n) AS last
       FROM (SELECT n, sum(strlen(content)) OVER (ORDER BY n) // ${TEXT_PART_BYTES} AS part FROM staged WHERE op_id = ${opId})
       GROUP BY part ORDER BY part`,
    );
    for (const { first, last } of parts) {
      const rows = await this.#connection.rows<StagedText>(
        `SELECT ${TEXT_COLUMNS} FROM staged
         WHERE op_id = ${opId} AND n BETWEEN ${first} AND ${last} AND hash <> '${DELETED_HASH}'`,
      );
      yield rows.map(incomingText);
    }
  }

  /** Step 2 of ingest in one tier, as one transaction: two attached files cannot share one. */
  async insert(tier: TableTier): Promise<void> {
    const days = this.#days.filter((day) => day.tier === tier);
    const tables = new Map(days.map(({ own }) => tableFor(tier, own)).map((table) => [table.name, table]));
    if (tables.size === 0) return;
    const source = tier === 'hot' ? `(SELECT * FROM staged WHERE tier = 'hot')` : 'quantised';
    if (tier === 'warm') await this.#quantise();
    await this.#connection.write(tier, async () => {
      await this.#connection.createTables(tier, [...tables.values()]);
      let inserted = 0;
      for (const table of tables.values()) {
        inserted += await this.#connection.run(
          `INSERT INTO ${qualified(table)} SELECT ${[...COMMON_COLUMNS, ...VECTOR_COLUMNS[tier]].join(', ')} FROM ${source}
           WHERE own_time >= ${timestampSql(table.from)} AND own_time < ${timestampSql(table.until)}`,
        );
      }
      requireRows(sumOf(days, 'rows'), inserted, `rows inserted into ${tier}`);
    });
  }

  /** Once for all tables, and before the turn at the tier: to plan it takes longer than to insert a hundred rows. */
  async #quantise(): Promise<void> {
    await this.#connection.run(
      `CREATE TEMP TABLE quantised AS ${quantisedSql(`(SELECT * FROM staged WHERE tier = 'warm')`)}`,
    );
  }

  /**
   * The journal object: the same rows, with their vectors, so that a lost tier can be rebuilt without the model. In the order in
   * which they come: to sort them takes as much memory as they do. zstd at its least: vectors get no smaller by more of it, which took a
   * quarter of the time.
   */
  async exportJournal(opId: number, path: string): Promise<void> {
    await this.#connection.run(
      `COPY (SELECT ${COMMON_COLUMNS.join(', ')}, embedding FROM staged WHERE op_id = ${opId})
       TO ${literal(path)} (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, ROW_GROUP_SIZE ${JOURNAL_ROW_GROUP})`,
    );
  }

  close(): void {
    this.#connection.close();
  }
}

/** What is staged of one day and tier: one statement for all that is to be known of it, because each costs its planning. */
interface StagedDay {
  tier: TableTier;
  /** Milliseconds since 1970. */
  own: number;
  rows: number;
  /** Of texts. */
  bytes: number;
}

async function stagedDays(connection: OperationConnection): Promise<StagedDay[]> {
  const days = await connection.rows<Record<Exclude<keyof StagedDay, 'tier'>, bigint> & { tier: TableTier }>(
    `SELECT tier, epoch_ms(date_trunc('day', own_time)) AS own, count(*) AS rows, sum(strlen(content))::BIGINT AS bytes
     FROM staged GROUP BY ALL`,
  );
  return days.map(({ tier, own, rows, bytes }) => ({
    tier,
    own: Number(own),
    rows: Number(rows),
    bytes: Number(bytes),
  }));
}

function sumOf(days: readonly StagedDay[], what: 'rows' | 'bytes'): number {
  return days.reduce((sum, day) => sum + day[what], 0);
}

interface StagedText {
  n: bigint;
  content: string;
  tags: string[] | null;
  own: boolean;
}

const TEXT_COLUMNS =
  'n, content, list_filter(tags, lambda tag: tag IS NOT NULL) AS tags, embedding IS NOT NULL AS own';

function incomingText({ n, content, tags, own }: StagedText): IncomingText {
  return { n: Number(n), content, tags: tags ?? [], model: own ? EMBEDDING_MODEL : null };
}

async function appendIngests(
  connection: OperationConnection,
  ingests: readonly StagedIngest[],
): Promise<void> {
  await connection.run(
    'CREATE TEMP TABLE ingests (op_id BIGINT, system_id VARCHAR, upload_id VARCHAR, ord BIGINT, file VARCHAR)',
  );
  const appender = await connection.appendTo('ingests');
  for (const { opId, systemId, uploadId, order, rowsFile } of ingests) {
    appender.appendBigInt(BigInt(opId));
    for (const text of [systemId, uploadId]) appender.appendVarchar(text);
    appender.appendBigInt(BigInt(order));
    appender.appendVarchar(rowsFile);
    appender.endRow();
  }
  appender.closeSync();
}

async function appendRows(connection: OperationConnection, ingests: readonly StagedIngest[]): Promise<void> {
  await connection.run('CREATE TEMP TABLE assigned (op_id BIGINT, n BIGINT, row_id BIGINT, tier VARCHAR)');
  const appender = await connection.appendTo('assigned');
  for (const { opId, rows } of ingests) {
    for (const row of rows) {
      for (const value of [opId, row.n, row.rowId]) appender.appendBigInt(BigInt(value));
      appender.appendVarchar(row.tier);
      appender.endRow();
    }
  }
  appender.closeSync();
}

async function appendDeletions(
  connection: OperationConnection,
  ingests: readonly StagedIngest[],
): Promise<void> {
  await connection.run(
    `CREATE TEMP TABLE deletions (op_id BIGINT, n BIGINT, row_id BIGINT, tier VARCHAR, kind VARCHAR, memory_id VARCHAR,
       own BIGINT, project VARCHAR, ord BIGINT, upload_id VARCHAR)`,
  );
  const appender = await connection.appendTo('deletions');
  for (const { opId, deletions } of ingests) {
    for (const row of deletions) {
      for (const value of [opId, row.n, row.rowId]) appender.appendBigInt(BigInt(value));
      for (const text of [row.tier, row.kind, row.memoryId]) appender.appendVarchar(text);
      appender.appendBigInt(BigInt(row.ownTime));
      if (row.project === null) appender.appendNull();
      else appender.appendVarchar(row.project);
      appender.appendBigInt(BigInt(row.order));
      appender.appendVarchar(row.uploadId);
      appender.endRow();
    }
  }
  appender.closeSync();
}

/** Few uploads delete, and the table and the join are to be planned. */
function haveDeletions(ingests: readonly StagedIngest[]): boolean {
  return ingests.some(({ deletions }) => deletions.length > 0);
}

/** A deletion has the columns of any row, an empty text and no vector, so that no search finds it; its hash says what it is. */
const DELETIONS = `
  SELECT d.n, d.tier, d.row_id, i.op_id, i.system_id, d.upload_id, d.ord, d.kind, d.memory_id, '${DELETED_HASH}' AS hash,
    make_timestamp(d.own * 1000) AS own_time, '' AS content, d.project, NULL::VARCHAR[] AS tags, '{}' AS fields,
    NULL::FLOAT[${EMBEDDING_DIMENSIONS}] AS embedding
  FROM deletions d JOIN ingests i ON i.op_id = d.op_id`;

function stagedSql(ingests: readonly StagedIngest[]): string {
  const columns = [...COMMON_COLUMNS, 'embedding'].join(', ');
  const files = [...new Set(ingests.map(({ rowsFile }) => rowsFile))].map(literal).join(', ');
  return `
    CREATE TEMP TABLE staged AS
    SELECT n, tier, ${columns} FROM (
      SELECT a.n, a.tier, a.row_id, i.op_id, i.system_id, i.upload_id, i.ord, r.kind, r.memory_id, r.hash, r.own_time, r.content,
        r.project, r.tags, r.fields, r.embedding
      FROM read_parquet([${files}], file_row_number = true, filename = true) r
      JOIN ingests i ON i.file = r.filename
      JOIN assigned a ON a.op_id = i.op_id AND a.n = r.file_row_number)
    ${haveDeletions(ingests) ? `UNION ALL SELECT n, tier, ${columns} FROM (${DELETIONS})` : ''}`;
}

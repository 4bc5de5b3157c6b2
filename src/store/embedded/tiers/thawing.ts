import type { Tier } from '../../../contract/index.js';
import { EMBEDDING_DIMENSIONS } from '../../../memory/index.js';
import type { FaultyRow } from '../catalog/held.js';
import type { MovingRow } from '../catalog/moves.js';
import type { IncomingText } from '../catalog/text-index.js';
import { nameBatch } from './batch-table.js';
import { periods, SHARED, within } from './moving.js';
import { OperationConnection } from './operation-connection.js';
import { COMMON_COLUMNS, literal, qualified, VECTOR_COLUMNS, type TableTier } from './tables.js';
import type { TierDatabase } from './tier-database.js';

/** Texts per message to the catalog's thread, by bytes, because one can be hundreds of kilobytes. */
const TEXT_PART_BYTES = 4_000_000;

export interface ThawInput {
  from: Tier;
  to: TableTier;
  opId: number;
  rows: readonly MovingRow[];
  /** Local copies of the cold objects in which they stand. */
  files: readonly string[];
  /** The operation's. */
  signal: AbortSignal;
}

/** What a thawed vector is made of. Warm has it rounded; of cold only its signs are left, so there is none. */
function vectorSql(from: Tier, to: TableTier): string {
  if (to === 'warm') return `NULL::TINYINT[${EMBEDDING_DIMENSIONS}] AS vector, NULL::FLOAT AS scale`;
  if (from === 'cold') return `NULL::FLOAT[${EMBEDDING_DIMENSIONS}] AS embedding`;
  const components = `list_transform(CAST(vector AS FLOAT[]), lambda step: CAST(step * scale AS FLOAT))`;
  return `CAST(${components} AS FLOAT[${EMBEDDING_DIMENSIONS}]) AS embedding`;
}

/** The rows of one thaw, and the temporary tables that name them, on a connection of their own. */
export class ThawStaging {
  readonly #connection: OperationConnection;
  readonly #rows: readonly MovingRow[];
  readonly #to: TableTier;
  readonly #faulty: FaultyRow[] = [];

  private constructor(connection: OperationConnection, { rows, to }: ThawInput) {
    this.#connection = connection;
    this.#rows = rows;
    this.#to = to;
  }

  /** Collects the rows of a batch as they will stand in their new tier. The files are needed no longer than this takes. */
  static async load(tiers: TierDatabase, input: ThawInput): Promise<ThawStaging> {
    const connection = await OperationConnection.open(tiers, input.signal);
    const staging = new ThawStaging(connection, input);
    try {
      await nameBatch(connection, input.rows);
      await staging.#collect(await sourcesOf(tiers, input), input);
    } catch (error) {
      connection.close();
      throw error;
    }
    return staging;
  }

  /** Rows that cannot be thawed, as far as the steps have shown yet. */
  get faulty(): readonly FaultyRow[] {
    return this.#faulty;
  }

  async #collect(sources: readonly string[], { from, to, opId }: ThawInput): Promise<void> {
    // One after the other, as for a move: all at once would hold a page of every column of each in memory.
    for (const [i, source] of sources.entries()) {
      const into = i === 0 ? 'CREATE TEMP TABLE moving AS' : 'INSERT INTO moving';
      await this.#connection.run(
        `${into} SELECT b.new_row_id AS row_id, ${opId}::BIGINT AS op_id, b.ord, ${SHARED.join(', ')}, ${vectorSql(from, to)}
         FROM ${source} t JOIN batch b ON b.row_id = t.row_id`,
      );
    }
    const found = sources.length === 0 ? 'SELECT NULL WHERE false' : 'SELECT row_id FROM moving';
    await this.#fault('row_missing', `SELECT new_row_id FROM batch WHERE new_row_id NOT IN (${found})`);
  }

  async #fault(reason: FaultyRow['reason'], sql: string): Promise<void> {
    const rows = await this.#connection.rows<{ id: bigint }>(`SELECT * FROM (${sql}) AS faulty(id)`);
    this.#faulty.push(...rows.map(({ id }) => ({ newRowId: Number(id), reason })));
  }

  get #isEmpty(): boolean {
    return this.#faulty.filter(({ reason }) => reason === 'row_missing').length === this.#rows.length;
  }

  /** Step 2: inserts the copies. */
  async insert(): Promise<void> {
    if (this.#isEmpty) return;
    const columns = [...COMMON_COLUMNS, ...VECTOR_COLUMNS[this.#to]].join(', ');
    await this.#connection.write(this.#to, async () => {
      const tables = periods(this.#to, this.#rows);
      await this.#connection.createTables(this.#to, tables);
      for (const table of tables) {
        await this.#connection.run(
          `INSERT INTO ${qualified(table)} SELECT ${columns} FROM ${within('moving', table)}`,
        );
      }
    });
  }

  /** Reads the copies back, and compares every column. */
  async verify(): Promise<void> {
    if (this.#isEmpty) return;
    const same = [...SHARED, ...VECTOR_COLUMNS[this.#to]].map(
      (column) => `c.${column} IS NOT DISTINCT FROM m.${column}`,
    );
    await this.#connection.run('CREATE TEMP TABLE equal (row_id BIGINT)');
    for (const table of periods(this.#to, this.#rows)) {
      await this.#connection.run(
        `INSERT INTO equal SELECT m.row_id FROM moving m
         JOIN ${qualified(table)} c ON c.row_id = m.row_id AND c.op_id = m.op_id WHERE ${same.join(' AND ')}`,
      );
    }
    await this.#fault(
      'copy_differs',
      'SELECT row_id FROM moving WHERE row_id NOT IN (SELECT row_id FROM equal)',
    );
  }

  /** For the text index: by their new row ids, in parts. Tags are kept by placement, as they are in every tier. */
  async *texts(): AsyncGenerator<IncomingText[]> {
    if (this.#isEmpty) return;
    const parts = await this.#connection.rows<{ first: bigint; last: bigint }>(
      `SELECT min(row_id) AS first, max(row_id) AS last
       FROM (SELECT row_id, sum(strlen(content)) OVER (ORDER BY row_id) // ${TEXT_PART_BYTES} AS part FROM moving)
       GROUP BY part ORDER BY part`,
    );
    for (const { first, last } of parts) {
      const rows = await this.#connection.rows<{ row_id: bigint; content: string }>(
        `SELECT row_id, content FROM moving WHERE row_id BETWEEN ${first} AND ${last}`,
      );
      yield rows.map(({ row_id, content }) => ({ n: Number(row_id), content, tags: [], model: null }));
    }
  }

  close(): void {
    this.#connection.close();
  }
}

async function sourcesOf(tiers: TierDatabase, { from, rows, files }: ThawInput): Promise<string[]> {
  if (from !== 'cold') {
    const standing = new Set((await tiers.tables(from)).map(({ name }) => name));
    return periods(from, rows)
      .filter(({ name }) => standing.has(name))
      .map(qualified);
  }
  return files.length === 0
    ? []
    : [`read_parquet([${files.map(literal).join(', ')}], hive_partitioning = false)`];
}

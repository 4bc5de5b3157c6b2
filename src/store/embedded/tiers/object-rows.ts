import { DELETED_HASH, EMBEDDING_MODEL } from '../../../memory/index.js';
import { operationOfObject, type Kind } from '../../../contract/index.js';
import type { FetchedObject } from '../../rebuild.js';
import type { FoundRow, TakenObject } from '../catalog/rebuild-objects.js';
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
import type { TierDatabase } from './tier-database.js';

/** Rows per message to the catalog's thread: some megabytes. */
const CHUNK = 10_000;

/** Texts are counted by bytes, because one can be hundreds of kilobytes. */
const TEXT_PART_BYTES = 4_000_000;

/**
 * Of one key the row that counts; see the catalog's `stageFound`, which compares with what stands. A row that stands twice, because its object
 * was written anew, is the newer object's.
 */
const NEWEST = `ord DESC, upload_id DESC, hash = '${DELETED_HASH}', row_id DESC, object_op DESC`;

const KEY_COLUMNS = [
  'row_id',
  'system_id',
  'kind',
  'memory_id',
  'hash',
  'ord',
  'upload_id',
  'own_time',
  'project',
  'tags',
] as const;

/** The rows of some journal objects, or of some cold ones, in temporary tables of a connection of their own; each key once. */
export class ObjectRows {
  readonly #connection: OperationConnection;
  readonly #objects: readonly FetchedObject[];
  readonly #hotCutoff: number;

  private constructor(connection: OperationConnection, objects: readonly FetchedObject[], hotCutoff: number) {
    this.#connection = connection;
    this.#objects = objects;
    this.#hotCutoff = hotCutoff;
  }

  /** Of objects of one kind. Own times at or before the cutoff are warm. The caller closes it. */
  static async load(
    tiers: TierDatabase,
    objects: readonly FetchedObject[],
    { hotCutoff, signal }: { hotCutoff: number; signal: AbortSignal },
  ): Promise<ObjectRows> {
    const connection = await OperationConnection.open(tiers, signal);
    const rows = new ObjectRows(connection, objects, hotCutoff);
    try {
      await rows.#load();
      return rows;
    } catch (error) {
      connection.close();
      throw error;
    }
  }

  async #load(): Promise<void> {
    const isCold = this.#objects[0]?.kind === 'cold';
    // A cold row's text and vector stay where they are.
    const columns = isCold ? [...KEY_COLUMNS, 'signs'] : [...COMMON_COLUMNS, 'embedding'];
    await this.#connection.run('CREATE TEMP TABLE objects (file VARCHAR, object VARCHAR, object_op BIGINT)');
    const appender = await this.#connection.appendTo('objects');
    for (const { file, name } of this.#objects) {
      appender.appendVarchar(file);
      appender.appendVarchar(name);
      appender.appendBigInt(BigInt(operationOfObject(name) ?? 0));
      appender.endRow();
    }
    appender.closeSync();
    const files = this.#objects.map(({ file }) => literal(file)).join(', ');
    const tier = isCold
      ? `'cold'`
      : `CASE WHEN own_time > ${timestampSql(this.#hotCutoff)} THEN 'hot' ELSE 'warm' END`;
    await this.#connection.run(
      `CREATE TEMP TABLE found AS
       SELECT ${columns.join(', ')}, object, object_op, ${tier} AS tier, ${isCold ? 'signs' : 'embedding'} IS NOT NULL AS has_vector,
         first_value(upload_id) OVER (PARTITION BY system_id, kind, memory_id ORDER BY ord, upload_id) AS first_upload_id
       FROM read_parquet([${files}], filename = true, hive_partitioning = false, union_by_name = true) r
       JOIN objects o ON o.file = r.filename
       QUALIFY row_number() OVER (PARTITION BY system_id, kind, memory_id ORDER BY ${NEWEST}) = 1`,
    );
  }

  /** What the catalog has to know of each object. One whose rows are all in others, or which has none, is told too. */
  async describe(): Promise<TakenObject[]> {
    const spans = await this.#connection.rows<{ object: string; least: bigint; most: bigint }>(
      `SELECT object, epoch_ms(min(own_time)) AS least, epoch_ms(max(own_time)) AS most FROM found GROUP BY object`,
    );
    const of = new Map(spans.map((span) => [span.object, span]));
    const files = this.#objects.map(({ file }) => literal(file)).join(', ');
    const counts = await this.#connection.rows<{ file_name: string; num_rows: bigint }>(
      `SELECT file_name, num_rows FROM parquet_file_metadata([${files}])`,
    );
    const rowsOf = new Map(counts.map(({ file_name, num_rows }) => [file_name, Number(num_rows)]));
    return this.#objects.map(({ name, bytes, sha256, file }) => ({
      name,
      bytes,
      sha256,
      rows: rowsOf.get(file) ?? null,
      minOwnTime: Number(of.get(name)?.least ?? 0),
      maxOwnTime: Number(of.get(name)?.most ?? 0),
    }));
  }

  async *keys(): AsyncGenerator<FoundRow[]> {
    for (let offset = 0; ; offset += CHUNK) {
      const rows = await this.#connection.rows<FoundColumns>(
        `SELECT ${KEY_COLUMNS.filter((column) => column !== 'own_time').join(', ')}, epoch_ms(own_time) AS own, tier, object,
           has_vector, first_upload_id FROM found WHERE rowid >= ${offset} AND rowid < ${offset + CHUNK}`,
      );
      if (rows.length > 0) yield rows.map(foundRow);
      if (rows.length < CHUNK) return;
    }
  }

  /** Writes the rows of these ids to their tiers. One that stands there already, from before a crash, is the same. */
  async insert(rowIds: readonly number[]): Promise<void> {
    await this.#connection.run('CREATE TEMP TABLE chosen (row_id BIGINT)');
    const appender = await this.#connection.appendTo('chosen');
    for (const rowId of rowIds) {
      appender.appendBigInt(BigInt(rowId));
      appender.endRow();
    }
    appender.closeSync();
    await this.#connection.run('DELETE FROM found WHERE row_id NOT IN (SELECT row_id FROM chosen)');
    for (const tier of ['hot', 'warm'] as const) await this.#insert(tier);
  }

  async #insert(tier: TableTier): Promise<void> {
    const days = await this.#connection.rows<{ own: bigint }>(
      `SELECT DISTINCT epoch_ms(date_trunc('day', own_time)) AS own FROM found WHERE tier = '${tier}'`,
    );
    const tables = new Map(
      days.map(({ own }) => tableFor(tier, Number(own))).map((table) => [table.name, table]),
    );
    if (tables.size === 0) return;
    const found = `(SELECT * FROM found WHERE tier = '${tier}')`;
    if (tier === 'warm') await this.#connection.run(`CREATE TEMP TABLE quantised AS ${quantisedSql(found)}`);
    await this.#connection.write(tier, async () => {
      await this.#connection.createTables(tier, [...tables.values()]);
      for (const table of tables.values()) {
        await this.#connection.run(
          `INSERT INTO ${qualified(table)} SELECT ${[...COMMON_COLUMNS, ...VECTOR_COLUMNS[tier]].join(', ')}
           FROM ${tier === 'hot' ? found : 'quantised'}
           WHERE own_time >= ${timestampSql(table.from)} AND own_time < ${timestampSql(table.until)} ON CONFLICT DO NOTHING`,
        );
      }
    });
  }

  /** Of the rows that were inserted, in parts. */
  async *texts(): AsyncGenerator<{ rowId: number; content: string }[]> {
    const parts = await this.#connection.rows<{ first: bigint; last: bigint }>(
      `SELECT min(row_id) AS first, max(row_id) AS last FROM (
         SELECT row_id, sum(strlen(content)) OVER (ORDER BY row_id) // ${TEXT_PART_BYTES} AS part FROM found)
       GROUP BY part ORDER BY part`,
    );
    for (const { first, last } of parts) {
      const rows = await this.#connection.rows<{ row_id: bigint; content: string }>(
        `SELECT row_id, content FROM found WHERE row_id BETWEEN ${first} AND ${last} AND hash <> '${DELETED_HASH}'`,
      );
      yield rows.map(({ row_id, content }) => ({ rowId: Number(row_id), content }));
    }
  }

  close(): void {
    this.#connection.close();
  }
}

interface FoundColumns {
  row_id: bigint;
  system_id: string;
  kind: Kind;
  memory_id: string;
  hash: string;
  ord: bigint;
  upload_id: string;
  own: bigint;
  project: string | null;
  tier: FoundRow['tier'];
  object: string;
  has_vector: boolean;
  first_upload_id: string;
  tags: (string | null)[] | null;
}

function foundRow(row: FoundColumns): FoundRow {
  return {
    systemId: row.system_id,
    kind: row.kind,
    memoryId: row.memory_id,
    rowId: Number(row.row_id),
    hash: row.hash,
    order: Number(row.ord),
    uploadId: row.upload_id,
    deleted: row.hash === DELETED_HASH ? 1 : 0,
    tier: row.tier,
    ownTime: Number(row.own),
    project: row.project,
    object: row.object,
    tags: row.tags ?? [],
    firstUploadId: row.first_upload_id,
    model: row.has_vector ? EMBEDDING_MODEL : null,
  };
}

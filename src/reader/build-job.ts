import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import { AkoshaError, messageOf, type Kind } from '../contract/index.js';
import { createTableSql, insertSql, isKnownField } from './build-tables.js';
import type { BuildJob, BuiltDatabase, ListJob, ListResult, PackJob } from './messages.js';
import { lacksResources } from './reader-failed.js';
import { quoteText, withSandbox } from './sandbox.js';
import { storeFile } from './streams.js';

/**
 * The row format: JSON lines with the columns of `BATCH_COLUMNS` that a database has itself. `fields` is a JSON object, or the
 * text of one, with the source's other columns under their own names; `embedding` and `tags` are arrays or null.
 */
const ROW_COLUMNS = `{kind: 'VARCHAR', memory_id: 'VARCHAR', content: 'VARCHAR', project: 'VARCHAR', tags: 'VARCHAR[]',
  fields: 'JSON', embedding: 'FLOAT[]'}`;

/** Above the largest body that the server takes, which may be a single row. DuckDB holds two of these in memory. */
const MAX_ROW_BYTES = 64 * 1024 ** 2;

/** Room for the rows once more, as DuckDB keeps them while it writes the file. */
const MAX_SPILL_BYTES = 8 * 1024 ** 3;

/** Columns unknown to this build that a table may get: a newer Session-Buddy adds a few, a hostile client any number. */
const MAX_EXTRA_COLUMNS = 50;

const OUT = 'built';

/**
 * Makes a Session-Buddy database of rows in the row format: the table of each kind asked for, and in it those rows. A content hash
 * is the same before and after. Leaves it at `output`, compressed if asked, whole or not at all; not forced to disk.
 *
 * Raises `BadRequest` for rows that break the format, `ReaderFailed` where memory or disk ran out.
 */
export async function buildDatabase(job: BuildJob): Promise<BuiltDatabase> {
  const database = join(job.work, 'built.duckdb');
  const rows = await withSandbox(sandboxOf(job, [job.rows]), async (connection) => {
    await connection.run(`ATTACH ${quoteText(database)} AS ${OUT} (TYPE duckdb)`);
    const counts = await fill(connection, job).catch((error: unknown) => {
      throw formatFault(error);
    });
    await connection.run(`CHECKPOINT ${OUT}`);
    await connection.run(`DETACH ${OUT}`);
    return counts;
  });
  const whole = join(job.work, 'whole');
  const { stored, raw } = await storeFile(database, whole, job);
  await rename(whole, job.output);
  return {
    rows,
    storedBytes: stored.bytes,
    storedSha256: stored.sha256,
    rawBytes: raw.bytes,
    rawSha256: raw.sha256,
  };
}

/** What DuckDB says of a line that it cannot take, without the folder of this job. */
function formatFault(error: unknown): unknown {
  if (error instanceof AkoshaError || lacksResources(error) || /out of memory/i.test(messageOf(error)))
    return error;
  const message = messageOf(error).split('\n', 1)[0] ?? '';
  return new AkoshaError('BadRequest', `the rows are not in the row format: ${message}`, { cause: error });
}

async function fill(
  connection: DuckDBConnection,
  { rows, kinds }: BuildJob,
): Promise<Partial<Record<Kind, number>>> {
  await connection.run(
    `CREATE TEMP TABLE incoming AS SELECT * REPLACE (
       CASE json_type(fields) WHEN 'VARCHAR' THEN CAST(json_extract_string(fields, '$') AS JSON) ELSE fields END AS fields)
     FROM read_json(${quoteText(rows)}, format = 'newline_delimited', maximum_object_size = ${MAX_ROW_BYTES},
       columns = ${ROW_COLUMNS})`,
  );
  const counts: Partial<Record<Kind, number>> = {};
  for (const kind of kinds) {
    const extra = await extraFields(connection, kind);
    await connection.run(createTableSql(OUT, kind, extra));
    await connection.run(insertSql(OUT, kind, extra, 'incoming'));
    counts[kind] = await count(connection, `WHERE kind = ${quoteText(kind)}`);
  }
  const all = await count(connection, '');
  const placed = Object.values(counts).reduce((sum, n) => sum + n, 0);
  if (all !== placed) {
    throw new AkoshaError(
      'BadRequest',
      `${all - placed} of ${all} rows are of no kind among ${kinds.join(', ')}`,
    );
  }
  return counts;
}

async function extraFields(connection: DuckDBConnection, kind: Kind): Promise<string[]> {
  const reader = await connection.runAndReadAll(
    `SELECT min(name) FROM (SELECT unnest(json_keys(fields)) AS name FROM incoming WHERE kind = ${quoteText(kind)})
     GROUP BY lower(name) ORDER BY 1`,
  );
  const names = reader.getRows().map(([name]) => String(name));
  const extra = names.filter((name) => name !== '' && !isKnownField(kind, name));
  if (extra.length > MAX_EXTRA_COLUMNS) {
    throw new AkoshaError(
      'BadRequest',
      `the rows of kind ${kind} have ${extra.length} fields that Session-Buddy does not know; at most ${MAX_EXTRA_COLUMNS} are kept`,
    );
  }
  return extra;
}

async function count(connection: DuckDBConnection, where: string): Promise<number> {
  const reader = await connection.runAndReadAll(`SELECT count(*) FROM incoming ${where}`);
  return Number(reader.getRows()[0]?.[0]);
}

/** Writes the rows of a merged export, one JSON object a line, in order of kind and memory id. */
export async function listRows(job: ListJob): Promise<ListResult> {
  return withSandbox(sandboxOf(job, [job.rows, job.output]), async (connection) => {
    await connection.run(
      `COPY (SELECT kind, memory_id, hash, content, project, tags, fields, embedding FROM read_parquet(${quoteText(job.rows)})
         ORDER BY kind, memory_id) TO ${quoteText(job.output)} (FORMAT json, USE_TMP_FILE false)`,
    );
    const reader = await connection.runAndReadAll(
      `SELECT count(*) FROM read_parquet(${quoteText(job.rows)})`,
    );
    return { rows: Number(reader.getRows()[0]?.[0]) };
  });
}

/** The columns of an exported row: those of the row format, and what the store knows besides. */
const EXPORT_COLUMNS = `{system_id: 'VARCHAR', kind: 'VARCHAR', memory_id: 'VARCHAR', hash: 'VARCHAR', tier: 'VARCHAR',
  created_at: 'VARCHAR', content: 'VARCHAR', project: 'VARCHAR', tags: 'VARCHAR[]', fields: 'JSON', embedding: 'FLOAT[]'}`;

/** DuckDB gathers a group of rows in memory before it writes them; of the 122,880 of its default the vectors alone take 190 MB. */
const PACKED_ROW_GROUP = 8_192;

/** Writes exported rows as Parquet, in their order: times in UTC, and the text of `fields` as it is. */
export async function packRows(job: PackJob): Promise<ListResult> {
  return withSandbox(sandboxOf(job, [job.rows, job.output]), async (connection) => {
    await connection.run(
      `COPY (SELECT * REPLACE (try_strptime(created_at, '%Y-%m-%dT%H:%M:%S.%gZ') AS created_at, CAST(fields AS VARCHAR) AS fields)
         FROM read_json(${quoteText(job.rows)}, format = 'newline_delimited', maximum_object_size = ${MAX_ROW_BYTES},
           columns = ${EXPORT_COLUMNS}))
       TO ${quoteText(job.output)} (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE ${PACKED_ROW_GROUP}, USE_TMP_FILE false)`,
    );
    const reader = await connection.runAndReadAll(
      `SELECT count(*) FROM read_parquet(${quoteText(job.output)})`,
    );
    return { rows: Number(reader.getRows()[0]?.[0]) };
  });
}

function sandboxOf({ work, memoryLimitMb }: BuildJob | ListJob | PackJob, files: readonly string[]) {
  return { folder: work, files, memoryLimitMb, maxSpillBytes: MAX_SPILL_BYTES };
}

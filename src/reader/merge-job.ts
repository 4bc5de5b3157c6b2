import { BATCH_COLUMNS } from '../memory/index.js';
import type { MergeJob, MergeResult } from './messages.js';
import { PARQUET } from './parquet.js';
import { quoteText, withSandbox } from './sandbox.js';

/** Spill: as much as the largest upload may hold. */
const MAX_SPILL_BYTES = 8 * 1024 ** 3;

/**
 * Makes one Parquet of `BATCH_COLUMNS` out of the exports of one upload, one row per key, in their order. Where two
 * files hold a memory, the lower source rank wins, then the file name that sorts first. Own time is the source's wall clock in the
 * writer's zone, or what it says with a zone of its own; where it is missing, later than `asOf` or before 1970 (the zero dates of other languages), it is the upload's time.
 *
 * In two passes: the first sees keys and no texts or vectors, which sorted along would take more memory than a reader has.
 */
export async function mergeExports(job: MergeJob): Promise<MergeResult> {
  const sandbox = {
    folder: job.work,
    files: [job.output, ...job.inputs.map((input) => input.path)],
    memoryLimitMb: job.memoryLimitMb,
    maxSpillBytes: MAX_SPILL_BYTES,
  };
  const rows = await withSandbox(sandbox, async (connection) => {
    await connection.run(winnersSql(job));
    await connection.run(`COPY (${mergeSql(job)}) TO ${quoteText(job.output)} ${PARQUET}`);
    const reader = await connection.runAndReadAll(
      `SELECT count(*) FROM read_parquet(${quoteText(job.output)})`,
    );
    return Number(reader.getRows()[0]?.[0]);
  });
  return { rows };
}

/** A table of the one row of each key: in which input, and at which place in it. */
function winnersSql({ inputs }: MergeJob): string {
  const keys = inputs.map(
    ({ path, name }, input) =>
      `SELECT kind, memory_id, source_rank, hash, ${quoteText(name)} AS file_name, ${input} AS input, file_row_number AS place
       FROM read_parquet(${quoteText(path)}, file_row_number = true)`,
  );
  return `
    CREATE TEMP TABLE winners AS
    SELECT input, place FROM (${keys.join(' UNION ALL ')})
    QUALIFY row_number() OVER (PARTITION BY kind, memory_id ORDER BY source_rank, file_name, hash, place) = 1`;
}

function mergeSql({ inputs, timeZone, uploadedAt, asOf }: MergeJob): string {
  const sources = inputs.map(
    ({ path }, input) =>
      `SELECT * FROM read_parquet(${quoteText(path)}, file_row_number = true)
       WHERE file_row_number IN (SELECT place FROM winners WHERE input = ${input})`,
  );
  const utc = `CASE WHEN time_is_utc THEN source_time ELSE timezone('UTC', timezone(${quoteText(timeZone)}, source_time)) END`;
  // A host's clock can be wrong by years; the archive's folders can write neither a year of four digits too few nor too many.
  const isPlausible = uploadedAt >= 0 && uploadedAt <= asOf;
  const limit = `make_timestamp(${asOf} * 1000)`;
  const uploaded = `make_timestamp(${isPlausible ? uploadedAt : asOf} * 1000)`;
  const columns = Object.entries(BATCH_COLUMNS).map(([name, type]) => `CAST(${name} AS ${type}) AS ${name}`);
  return `
    SELECT ${columns.join(', ')}
    FROM (SELECT *, CASE WHEN source_time IS NULL OR NOT isfinite(source_time) OR ${utc} > ${limit}
        OR ${utc} < TIMESTAMP '1970-01-01' THEN ${uploaded}
      ELSE ${utc} END AS own_time FROM (${sources.join(' UNION ALL ')}))`;
}

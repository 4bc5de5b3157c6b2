import { copyFile, stat } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { withDuckDB } from './synthetic.mjs';

/** A Session-Buddy database: 208 conversations and 104 reflections in the original's schema, with all of its indexes. */
export const SAMPLE = fileURLToPath(new URL('../samples/session-buddy/reflection.duckdb', import.meta.url));

/** About what the sample's texts have. */
const WORDS_PER_TEXT = 90;
/** Of a fingerprint, 64 MD5 sums of 16 bytes make the original's 1,024. */
const SUMS_PER_FINGERPRINT = 64;
/** Rows at a time: a host writes its memories over months, and checkpoints in between. */
const BATCH_ROWS = 5_000;

/**
 * The sample, grown to so many bytes: rows like the sample's, with texts of words as frequent as in its texts, vectors near its vectors and
 * fingerprints of their own, inserted through the original's indexes.
 */
export async function writeLargeDatabase(path, bytes) {
  await copyFile(SAMPLE, path);
  await withDuckDB(path, async (connection) => {
    await connection.run('SET threads = 1');
    await connection.run('SELECT setseed(0.42)');
    await connection.run(
      `CREATE TEMP TABLE models AS SELECT row_number() OVER (ORDER BY id) - 1 AS model, * FROM conversations_v2`,
    );
    await connection.run(
      `CREATE TEMP TABLE vocabulary AS SELECT list(word) AS words
       FROM (SELECT unnest(string_split_regex(content, '\\s+')) AS word FROM models WHERE length(content) < 10000)`,
    );
    for (let first = 0; (await stat(path)).size < bytes; first += BATCH_ROWS) {
      await connection.run(insertRows(first));
      await connection.run('CHECKPOINT');
    }
  });
}

function insertRows(first) {
  return `
    INSERT INTO conversations_v2 BY NAME
    WITH drawn AS MATERIALIZED (
      SELECT row, CAST(floor(random() * (SELECT count(*) FROM models)) AS BIGINT) AS model,
        list_transform(range(${WORDS_PER_TEXT}), lambda i: random()) AS places,
        list_transform(range(384), lambda i: CAST(random() - 0.5 AS FLOAT)) AS noise,
      FROM range(${first}, ${first + BATCH_ROWS}) AS r(row)
    ), texts AS MATERIALIZED (
      SELECT row, model, noise, array_to_string(
        list_transform(places, lambda place: words[1 + CAST(floor(place * len(words)) AS BIGINT)]), ' ') AS text
      FROM drawn, vocabulary
    )
    SELECT models.* EXCLUDE (model) REPLACE (
      'made-' || row AS id, text AS content, text AS searchable_content,
      list_transform(list_zip(embedding, noise), lambda pair: pair[1] + pair[2] / 10)::FLOAT[384] AS embedding,
      unhex(array_to_string(list_transform(range(${SUMS_PER_FINGERPRINT}), lambda i: md5(row || '-' || i)), '')) AS fingerprint,
      "timestamp" + to_seconds(row) AS "timestamp")
    FROM texts JOIN models USING (model)`;
}

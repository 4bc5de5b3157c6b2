import { DuckDBInstance } from '@duckdb/node-api';
import { NOW } from './support.mjs';

/** Memories are about something: vectors gather around so many topics. */
const TOPICS = 200;
const WORDS = 20_000;
const WORDS_PER_TEXT = 40;
/** Own times reach back so far, unless a bench says otherwise; most of a long-used host's memories are cold then. */
export const DAYS = 400;

/** Runs `work` on a DuckDB with two threads, as the store's has, and closes it. */
export async function withDuckDB(path, work) {
  const instance = await DuckDBInstance.create(path, { threads: '2', memory_limit: '1024MB' });
  const connection = await instance.connect();
  try {
    return await work(connection);
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

/**
 * A database as Session-Buddy writes it, with made-up conversations: texts of 40 words whose frequencies follow Zipf's law,
 * vectors in clusters of cosine about 0.6. The same for the same seed (from 0 to 1). They reach back `days`.
 */
export async function writeDatabase(path, rows, seed = 0.42, days = DAYS) {
  await withDuckDB(path, async (connection) => {
    // One thread, because DuckDB's random numbers repeat only then.
    await connection.run('SET threads = 1');
    await connection.run(`SELECT setseed(${seed})`);
    await connection.run(
      `CREATE TEMP TABLE topics AS SELECT topic, ${normalList()} AS centre FROM range(${TOPICS}) AS t(topic)`,
    );
    await connection.run(
      `CREATE TABLE conversations_v2 (id VARCHAR PRIMARY KEY, content VARCHAR NOT NULL, embedding FLOAT[384],
         project VARCHAR, timestamp TIMESTAMP)`,
    );
    await connection.run(
      `INSERT INTO conversations_v2
       SELECT 'memory-${seed}-' || row, array_to_string(list_transform(picks, lambda pick: ${wordSql('pick')}), ' '),
         list_transform(list_zip(centre, noise), lambda pair: CAST(pair[1] + 0.8 * pair[2] AS FLOAT)),
         'project-' || (row % 10), make_timestamp(${NOW * 1000} - CAST(age * 86400000000 AS BIGINT))
       FROM (
         SELECT row, CAST(floor(random() * ${TOPICS}) AS BIGINT) AS topic, random() * ${days} AS age,
           list_transform(range(${WORDS_PER_TEXT}), lambda i: CAST(floor(pow(${WORDS}, random())) AS INTEGER)) AS picks,
           ${normalList()} AS noise
         FROM range(${rows}) AS r(row)
       ) JOIN topics USING (topic)`,
    );
  });
}

/** What the original Akosha keeps: the rows of all databases in one table. */
export async function writeOriginal(path, databases) {
  await withDuckDB(path, async (connection) => {
    for (const [i, database] of databases.entries()) {
      await connection.run(`ATTACH '${database}' AS host (READ_ONLY)`);
      const into = i === 0 ? 'CREATE TABLE conversations AS' : 'INSERT INTO conversations';
      await connection.run(
        `${into} SELECT id, content, embedding, project, timestamp FROM host.conversations_v2`,
      );
      await connection.run('DETACH host');
    }
  });
}

/** Normally distributed numbers (Box and Muller): their vectors point everywhere alike. */
function normalList() {
  return 'list_transform(range(384), lambda i: sqrt(-2 * ln(1 - random())) * cos(2 * pi() * random()))';
}

/** A word for each number; the letters at its ends keep it from being part of another. */
function wordSql(number) {
  return `'q' || translate(CAST(${number} AS VARCHAR), '0123456789', 'aeioubdgkl') || 'z'`;
}

/** Words of fewer letters are the hundred commonest: what a real query loses as stop words. */
const TELLING_LETTERS = 5;

/** Questions about rows spread over the table: three words of such a row, and a vector near its own. */
export async function drawQueries(path, count, table = 'conversations') {
  return withDuckDB(path, async (connection) => {
    const reader = await connection.runAndReadAll(
      `SELECT content, embedding FROM ${table} ORDER BY hash(id) LIMIT ${count}`,
    );
    return reader.getRowObjectsJS().map(({ content, embedding }) => ({
      text: content
        .split(' ')
        .filter((word) => word.length >= TELLING_LETTERS)
        .slice(0, 3)
        .join(' '),
      vector: Float32Array.from(embedding, (value, i) => value + 0.3 * Math.sin(i * 7.3)),
    }));
  });
}

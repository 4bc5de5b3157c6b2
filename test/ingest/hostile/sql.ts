import { files, type Canary, type HostileUpload, type UploadGets } from './input.js';
import { CONVERSATIONS, makeBytes, packed } from './make.js';

/** Every one has two sound rows besides, and they are what counts. */
const SOUND: UploadGets = { rows: 2 };
const ROWS = `INSERT INTO conversations_v2 VALUES ('1', 'one'), ('2', 'two')`;

function sql(
  name: string,
  what: string,
  gets: UploadGets,
  statements: (canary: Canary) => readonly string[],
): HostileUpload {
  return files(name, what, gets, async (canary) => ({
    'reflection.duckdb': packed(await makeBytes(...statements(canary))),
  }));
}

/** Beside a sound table. */
function beside(
  name: string,
  what: string,
  statements: (canary: Canary) => readonly string[],
): HostileUpload {
  return sql(name, what, SOUND, (canary) => [CONVERSATIONS, ROWS, ...statements(canary)]);
}

/** A table of conversations whose column `more` is as given. */
function column(
  name: string,
  what: string,
  gets: UploadGets,
  more: (canary: Canary) => string,
): HostileUpload {
  return sql(name, what, gets, (canary) => [
    `CREATE TABLE conversations_v2(id VARCHAR, content VARCHAR, ${more(canary)})`,
    `INSERT INTO conversations_v2(id, content) VALUES ('1', 'one'), ('2', 'two')`,
  ]);
}

/** True where the file is read, and not where it is written. */
const HERE = `current_database() = 'memory'`;

/** Functions of ours and of DuckDB's that a macro of the file could stand in for. */
const FUNCTIONS = [
  'sha256',
  'coalesce_',
  'strlen',
  'isfinite',
  'to_json',
  'struct_pack',
  'epoch_us',
  'count',
];

const OUR_TABLES = ['winners', 'incoming', 'duckdb_tables', 'duckdb_columns', 'tables', 'columns', 'source'];

export const SQL: readonly HostileUpload[] = [
  sql('view that reads a text', 'a view under a known name over read_text', { rows: 0 }, ({ text }) => [
    `CREATE VIEW conversations_v2 AS SELECT filename AS id, content FROM read_text('${text}')`,
  ]),
  sql('view that reads a CSV file', 'a view under a known name over read_csv', { rows: 0 }, ({ csv }) => [
    `CREATE VIEW conversations_v2 AS SELECT secret AS id, secret AS content FROM read_csv('${csv}')`,
  ]),
  sql('view that globs', 'a view under a known name over glob', { rows: 0 }, ({ folder }) => [
    `CREATE VIEW reflections_v2 AS SELECT file AS id, file AS content FROM glob('${folder}/*')`,
  ]),
  sql(
    'view over a database file',
    'a view that names another database by its path',
    { rows: 0 },
    (canary) => [
      `CREATE VIEW kg_entities AS SELECT * FROM query('SELECT 1 AS id, 2 AS name')`,
      `CREATE MACRO other() AS TABLE FROM query_table('${canary.database}')`,
    ],
  ),
  sql('view of the settings', 'a view over duckdb_settings()', { rows: 0 }, () => [
    'CREATE VIEW conversations_v2 AS SELECT name AS id, value AS content FROM duckdb_settings()',
  ]),
  sql('view without end', 'a recursive view that never ends', { rows: 0 }, () => [
    `CREATE VIEW conversations_v2 AS WITH RECURSIVE t(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM t) SELECT id, id AS content FROM t`,
  ]),
  beside('view of all rows there are', 'a view that multiplies rows without end', () => [
    'CREATE VIEW reflections_v2 AS SELECT a.range AS id, a.range AS content FROM range(1000000000) a, range(1000000000) b',
  ]),
  ...FUNCTIONS.map((name) =>
    beside(`macro ${name}`, 'a macro of the file under the name of a function that the reader uses', () => [
      `CREATE MACRO ${name}(x) AS 'forged'`,
    ]),
  ),
  beside('macro that reads a file', 'a table macro over read_text', ({ text }) => [
    `CREATE MACRO read_parquet(path) AS TABLE SELECT * FROM read_text('${text}')`,
  ]),
  column(
    'generated column that fails',
    'its value cannot be computed',
    { quarantined: 'Invalid Input Error (of a value)' },
    () =>
      `project VARCHAR GENERATED ALWAYS AS (CASE WHEN ${HERE} THEN error('generated on purpose') END) VIRTUAL`,
  ),
  column(
    'generated column that is too large',
    'each row says 2 GB',
    { quarantined: 'ran out of memory' },
    () =>
      `project VARCHAR GENERATED ALWAYS AS (CASE WHEN ${HERE} THEN repeat(repeat(content, 60000), 10000) END) VIRTUAL`,
  ),
  column(
    'generated column of a setting',
    'it asks for the folder of temporary files',
    SOUND,
    () => `project VARCHAR GENERATED ALWAYS AS (current_setting('temp_directory')) VIRTUAL`,
  ),
  column(
    'generated id',
    'an id of the text: as good as any',
    SOUND,
    () => `project VARCHAR GENERATED ALWAYS AS (id || content) VIRTUAL`,
  ),
  column('default from a sequence', 'never asked: nothing is inserted', SOUND, () => 'n INTEGER DEFAULT 7'),
  sql('default that fails', 'never asked: nothing is inserted', SOUND, () => [
    `CREATE TABLE conversations_v2(id VARCHAR, content VARCHAR, project VARCHAR DEFAULT (error('never')))`,
    `INSERT INTO conversations_v2 VALUES ('1', 'one', 'p'), ('2', 'two', 'p')`,
  ]),
  column('CHECK', 'a constraint that calls functions', SOUND, () => 'n INTEGER, CHECK (length(content) > 0)'),
  sql('foreign keys', 'between known tables', { rows: 3 }, () => [
    'CREATE TABLE kg_entities(id VARCHAR PRIMARY KEY, name VARCHAR)',
    'CREATE TABLE kg_relationships(id VARCHAR, from_entity VARCHAR REFERENCES kg_entities(id), to_entity VARCHAR REFERENCES kg_entities(id), relation_type VARCHAR)',
    `INSERT INTO kg_entities VALUES ('a', 'a'), ('b', 'b')`,
    `INSERT INTO kg_relationships VALUES ('1', 'a', 'b', 'uses')`,
  ]),
  beside('sequence', 'one that is at its end', () => [
    'CREATE SEQUENCE s MAXVALUE 2',
    `SELECT nextval('s'), nextval('s')`,
  ]),
  beside('index', 'an index over an expression', () => [
    'CREATE INDEX i ON conversations_v2 (lower(content))',
  ]),
  beside('COPY in a comment', 'a comment that is a statement', ({ folder }) => [
    `COMMENT ON TABLE conversations_v2 IS '''; COPY (SELECT 1) TO ''${folder}/written.csv''; --'`,
  ]),
  ...OUR_TABLES.map((name) =>
    beside(`table ${name}`, 'a table under a name that the reader or DuckDB uses itself', () => [
      `CREATE TABLE "${name}"(database_name VARCHAR, table_name VARCHAR, input INTEGER)`,
    ]),
  ),
  ...['temp', 'system', 'memory', 'source', 'information_schema_', 'pg_catalog_'].map((name) =>
    beside(`schema ${name}`, 'a schema under a catalog’s name, with a known table in it', () => [
      `CREATE SCHEMA made."${name}"`,
      `CREATE TABLE made."${name}".reflections_v2 AS SELECT '1' AS id, 'other' AS content`,
    ]),
  ),
  beside('table name with quotes', 'a name that would end a string or an identifier', ({ folder }) => [
    `CREATE TABLE "a""; COPY (SELECT 1) TO '${folder}/written.csv'; --"(i INTEGER)`,
    `CREATE TABLE "conversations_v2'; ATTACH '${folder}/written.duckdb'; --"(i INTEGER)`,
  ]),
  column(
    'column name with quotes',
    'a name that would end a string or an identifier',
    SOUND,
    ({ folder }) => `"x""); COPY (SELECT 1) TO '${folder}/written.csv'; --" INTEGER, "y'; --" INTEGER`,
  ),
  column(
    'columns that are called as ours',
    'names that the reader gives columns itself',
    SOUND,
    () =>
      'memory_id INTEGER, hash INTEGER, kind INTEGER, r INTEGER, fields INTEGER, source_rank INTEGER, own_content INTEGER',
  ),
  column(
    'columns that are called as keywords',
    'names of SQL',
    SOUND,
    () => '"select" INTEGER, "from" INTEGER, "null" INTEGER',
  ),
  column(
    'column without a name to speak of',
    'a blank, a NUL, a line break',
    SOUND,
    () => '" " INTEGER, "a\nb" INTEGER',
  ),
  column(
    'column __proto__',
    'names that JavaScript’s objects have',
    SOUND,
    () => '"__proto__" INTEGER, "constructor" INTEGER, "toString" INTEGER',
  ),
  sql('type of the file called VARCHAR_', 'types of the file under the names of others', SOUND, () => [
    `CREATE TYPE "FLOAT[384]" AS ENUM ('forged')`,
    `CREATE TYPE "JSON_" AS STRUCT(a INTEGER)`,
    `CREATE TABLE conversations_v2(id VARCHAR, content VARCHAR, embedding "FLOAT[384]", metadata "JSON_")`,
    `INSERT INTO conversations_v2 VALUES ('1', 'one', 'forged', {'a': 1}), ('2', 'two', NULL, NULL)`,
  ]),
];

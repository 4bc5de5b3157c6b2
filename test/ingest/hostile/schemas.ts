import { files, type HostileUpload, type UploadGets } from './input.js';
import { CONVERSATIONS, makeBytes, packed } from './make.js';

const SOUND: UploadGets = { rows: 2 };

function schema(name: string, what: string, gets: UploadGets, ...statements: string[]): HostileUpload {
  return files(name, what, gets, async () => ({
    'reflection.duckdb': packed(await makeBytes(...statements)),
  }));
}

/** Two conversations, with one more column of this type and value. */
function typed(name: string, what: string, gets: UploadGets, column: string, type: string, value: string) {
  return schema(
    name,
    what,
    gets,
    `CREATE TABLE conversations_v2(id VARCHAR, content VARCHAR, ${column} ${type})`,
    `INSERT INTO conversations_v2 VALUES ('1', 'one', ${value}), ('2', 'two', NULL)`,
  );
}

/** Conversations whose id, or text, is of this type. */
function keyed(column: 'id' | 'content', type: string, values: readonly [string, string], gets: UploadGets) {
  const [id, content] = column === 'id' ? [type, 'VARCHAR'] : ['VARCHAR', type];
  const row = (value: string, n: number) => (column === 'id' ? `(${value}, 'text')` : `('${n}', ${value})`);
  return schema(
    `${column} of type ${type}`,
    `a column ${column} that holds no text`,
    gets,
    `CREATE TABLE conversations_v2(id ${id}, content ${content})`,
    `INSERT INTO conversations_v2 VALUES ${values.map(row).join(', ')}`,
  );
}

const many = (count: number, of: (n: number) => string): string =>
  Array.from({ length: count }, (_, n) => of(n)).join(', ');

const DEPTH = 60;
const DEEP_TYPE = 'STRUCT(a '.repeat(DEPTH) + 'INTEGER' + ')'.repeat(DEPTH);
const DEEP_VALUE = `{'a': `.repeat(DEPTH) + '1' + '}'.repeat(DEPTH);
const DEEP_LIST = '['.repeat(DEPTH) + '1' + ']'.repeat(DEPTH);

const WITHOUT = (column: string): UploadGets => ({ quarantined: `without the column ${column}` });
const NO_LIST: UploadGets = { quarantined: 'it must be a list' };

export const SCHEMAS: readonly HostileUpload[] = [
  schema(
    'no known table',
    'a database of another program',
    { rows: 0 },
    'CREATE TABLE users(id INTEGER)',
    'INSERT INTO users VALUES (1)',
  ),
  schema(
    'known tables, empty',
    'tables of all kinds without a row',
    { rows: 0 },
    CONVERSATIONS,
    'CREATE TABLE reflections_v2(id VARCHAR, content VARCHAR)',
  ),
  schema(
    '1,500 columns',
    'a table as wide as it gets',
    SOUND,
    `CREATE TABLE conversations_v2(id VARCHAR, content VARCHAR, ${many(1500, (n) => `c${n} INTEGER`)})`,
    `INSERT INTO conversations_v2(id, content) VALUES ('1', 'one'), ('2', 'two')`,
  ),
  schema(
    '300 tables',
    'tables by the hundred beside the known one',
    SOUND,
    CONVERSATIONS,
    `INSERT INTO conversations_v2 VALUES ('1', 'one'), ('2', 'two')`,
    ...Array.from({ length: 300 }, (_, n) => `CREATE TABLE t${n}(i INTEGER)`),
  ),
  schema(
    '300 schemas',
    'schemas by the hundred, each with a known table',
    SOUND,
    CONVERSATIONS,
    `INSERT INTO conversations_v2 VALUES ('1', 'one'), ('2', 'two')`,
    ...Array.from({ length: 150 }, (_, n) => [
      `CREATE SCHEMA s${n}`,
      `CREATE TABLE s${n}.conversations_v2(id VARCHAR, content VARCHAR)`,
    ]).flat(),
  ),
  schema(
    'conversations without id',
    'a known table without its key',
    WITHOUT('id'),
    'CREATE TABLE conversations_v2(content VARCHAR)',
  ),
  schema(
    'conversations without content',
    'a known table without its text',
    WITHOUT('content'),
    'CREATE TABLE conversations(id VARCHAR)',
  ),
  schema(
    'reflections without content',
    'the same of reflections',
    WITHOUT('content'),
    'CREATE TABLE reflections_v2(id VARCHAR)',
  ),
  schema(
    'entities without name',
    'the same of entities',
    WITHOUT('name'),
    'CREATE TABLE kg_entities(id VARCHAR)',
  ),
  schema(
    'relations without an end',
    'the same of relations',
    WITHOUT('to_entity'),
    'CREATE TABLE kg_relationships(id VARCHAR, from_entity VARCHAR)',
  ),
  schema(
    'tables of both ages',
    'one memory in the old table and the new one: the new one counts',
    { rows: 3 },
    CONVERSATIONS,
    'CREATE TABLE conversations(id VARCHAR, content VARCHAR)',
    `INSERT INTO conversations VALUES ('1', 'old'), ('3', 'three')`,
    `INSERT INTO conversations_v2 VALUES ('1', 'one'), ('2', 'two')`,
  ),
  keyed('id', 'INTEGER', ['1', '2'], SOUND),
  keyed('id', 'UUID', ['uuid()', 'uuid()'], SOUND),
  keyed('id', 'HUGEINT', ['1', '170141183460469231731687303715884105727'], SOUND),
  keyed('id', 'DOUBLE', [`'nan'`, `'inf'`], SOUND),
  keyed('id', 'BLOB', [`'\\xFF\\x00'`, `'a'`], SOUND),
  keyed('id', 'BIT', [`'1'`, `'0'`], SOUND),
  keyed('id', 'INTERVAL', [`INTERVAL 1 DAY`, `INTERVAL 2 DAY`], SOUND),
  keyed('id', 'VARCHAR[]', [`['a']`, `['b', NULL]`], SOUND),
  keyed('id', 'STRUCT(a INTEGER)', [`{'a': 1}`, `{'a': 2}`], SOUND),
  keyed('id', 'MAP(VARCHAR, INTEGER)', [`MAP {'a': 1}`, 'MAP {}'], SOUND),
  keyed('id', 'UNION(a INTEGER, b VARCHAR)', [`1`, `'x'`], SOUND),
  keyed('id', `ENUM('a', 'b')`, [`'a'`, `'b'`], SOUND),
  keyed('content', 'BLOB', [`'\\xFF\\xFE'`, `'text'`], SOUND),
  keyed('content', 'JSON', [`'{"a": 1}'`, `'[]'`], SOUND),
  keyed('content', 'INTEGER', ['1', '2'], SOUND),
  keyed('content', 'TIMESTAMP', [`'2026-01-01'`, `'infinity'`], SOUND),
  keyed('content', 'VARCHAR[]', [`['a', NULL]`, '[]'], SOUND),
  typed('deep struct', `a column nested ${DEPTH} deep`, SOUND, 'metadata', DEEP_TYPE, DEEP_VALUE),
  typed(
    'deep list',
    `a list nested ${DEPTH} deep`,
    SOUND,
    'extra',
    `INTEGER${'[]'.repeat(DEPTH)}`,
    DEEP_LIST,
  ),
  schema(
    'tags as text',
    'what must be a list is none',
    NO_LIST,
    'CREATE TABLE reflections_v2(id VARCHAR, content VARCHAR, tags VARCHAR)',
    `INSERT INTO reflections_v2 VALUES ('1', 'one', '[a]')`,
  ),
  schema(
    'tags as a map',
    'what must be a list is none',
    NO_LIST,
    'CREATE TABLE reflections_v2(id VARCHAR, content VARCHAR, tags MAP(VARCHAR, VARCHAR))',
    `INSERT INTO reflections_v2 VALUES ('1', 'one', MAP {})`,
  ),
  schema(
    'tags as lists of lists',
    'a list that holds lists',
    { rows: 1 },
    'CREATE TABLE reflections_v2(id VARCHAR, content VARCHAR, tags VARCHAR[][])',
    `INSERT INTO reflections_v2 VALUES ('1', 'one', [['a'], NULL])`,
  ),
  schema(
    'tags as numbers',
    'a list that holds numbers',
    { rows: 1 },
    'CREATE TABLE reflections_v2(id VARCHAR, content VARCHAR, tags INTEGER[])',
    `INSERT INTO reflections_v2 VALUES ('1', 'one', [1, NULL])`,
  ),
  typed(
    'score as text',
    'a number that is none counts as unknown',
    SOUND,
    'importance_score',
    'VARCHAR',
    `'very'`,
  ),
  typed('score as a list', 'a number that cannot be one', SOUND, 'importance_score', 'INTEGER[]', `[1]`),
  typed('score NaN', 'a number that is none', SOUND, 'importance_score', 'DOUBLE', `'nan'`),
  typed('score beyond 64 bits', 'a number that is too large', SOUND, 'importance_score', 'DOUBLE', '1e300'),
  typed(
    'time as text',
    'a time that is none counts as unknown',
    SOUND,
    'timestamp',
    'VARCHAR',
    `'yesterday'`,
  ),
  typed(
    'time as a number',
    'seconds since 1970 are no time of DuckDB’s',
    SOUND,
    'timestamp',
    'BIGINT',
    '1764000000',
  ),
  typed('time as a date', 'a day has no time', SOUND, 'timestamp', 'DATE', `'2026-11-01'`),
  typed('time of day', 'a time without a day', SOUND, 'timestamp', 'TIME', `'12:00:00'`),
  typed('time as a struct', 'what is no time at all', SOUND, 'timestamp', 'STRUCT(a INTEGER)', `{'a': 1}`),
  typed('project as a list', 'a text that is a list', SOUND, 'project', 'VARCHAR[]', `['a']`),
  typed('blob column', 'bytes that are no text', SOUND, 'extra', 'BLOB', `'\\xFF\\xFE'`),
  typed('bit column', 'bits', SOUND, 'extra', 'BIT', `'0101'`),
  typed(
    'map with strange keys',
    'keys that are structs',
    SOUND,
    'extra',
    'MAP(STRUCT(a INTEGER), VARCHAR)',
    `MAP {{'a': 1}: 'x'}`,
  ),
  typed(
    'map __proto__',
    'a key that JavaScript’s objects have',
    SOUND,
    'extra',
    'MAP(VARCHAR, VARCHAR)',
    `MAP {'__proto__': 'x', 'constructor': 'y'}`,
  ),
  typed('union column', 'a union', SOUND, 'extra', 'UNION(a INTEGER, b VARCHAR)', `'x'`),
];

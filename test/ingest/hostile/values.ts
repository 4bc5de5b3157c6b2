import { files, type HostileUpload, type UploadGets } from './input.js';
import { CONVERSATIONS, makeBytes, packed } from './make.js';

function values(name: string, what: string, gets: UploadGets, ...statements: string[]): HostileUpload {
  return files(name, what, gets, async () => ({
    'reflection.duckdb': packed(await makeBytes(...statements)),
  }));
}

/** A conversation of these values beside a sound one. */
function row(name: string, what: string, gets: UploadGets, id: string, content: string): HostileUpload {
  return values(
    name,
    what,
    gets,
    CONVERSATIONS,
    `INSERT INTO conversations_v2 VALUES ('sound', 'sound'), (${id}, ${content})`,
  );
}

function timed(name: string, what: string, type: string, time: string): HostileUpload {
  return values(
    name,
    what,
    { rows: 2 },
    `CREATE TABLE reflections_v2(id VARCHAR, content VARCHAR, timestamp ${type}, created_at ${type})`,
    `INSERT INTO reflections_v2 VALUES ('1', 'one', ${time}, ${time}), ('2', 'two', NULL, NULL)`,
  );
}

function vector(name: string, what: string, type: string, value: string): HostileUpload {
  return values(
    name,
    `${what}: the vector is dropped, the text kept`,
    { rows: 2 },
    `CREATE TABLE conversations_v2(id VARCHAR, content VARCHAR, embedding ${type})`,
    `INSERT INTO conversations_v2 VALUES ('1', 'one', ${value}), ('2', 'two', NULL)`,
  );
}

const numbers = (length: number, value = '1'): string => `[${Array<string>(length).fill(value).join(',')}]`;

function metadata(name: string, what: string, json: string, type = 'JSON'): HostileUpload {
  return values(
    name,
    what,
    { rows: 2 },
    `CREATE TABLE conversations_v2(id VARCHAR, content VARCHAR, metadata ${type})`,
    `INSERT INTO conversations_v2 VALUES ('1', 'one', '${json}'), ('2', 'two', NULL)`,
  );
}

const ONE_KEPT: UploadGets = { rows: 1, refused: 1 };
const BOTH: UploadGets = { rows: 2 };

export const VALUES: readonly HostileUpload[] = [
  row('id NULL', 'a memory without an id', ONE_KEPT, 'NULL', `'text'`),
  row('id empty', 'an id of no character', ONE_KEPT, `''`, `'text'`),
  row('id with NUL', 'an id that C programs read half', ONE_KEPT, `'a' || chr(0) || 'b'`, `'text'`),
  row('id of 1,024 characters', 'as long as an id may be', BOTH, `repeat('x', 1024)`, `'text'`),
  row('id of 1,025 characters', 'longer than an id may be', ONE_KEPT, `repeat('x', 1025)`, `'text'`),
  row('id of a megabyte', 'longer than an id may be', ONE_KEPT, `repeat('x', 1000000)`, `'text'`),
  row('id with line breaks', 'control characters', BOTH, `'a' || chr(10) || chr(27) || '[31m'`, `'text'`),
  row('id of another direction', 'marks that turn text round', BOTH, `chr(8238) || 'cod.exe'`, `'text'`),
  row('id as SQL', 'an id that would end a statement', BOTH, `'x''); DROP TABLE placements; --'`, `'text'`),
  row('id __proto__', 'a name that JavaScript’s objects have', BOTH, `'__proto__'`, `'text'`),
  row('id ../../etc/passwd', 'an id that is a path', BOTH, `'../../etc/passwd'`, `'text'`),
  row('content NULL', 'a memory without a text', ONE_KEPT, `'1'`, 'NULL'),
  row('content empty', 'a text of no character', BOTH, `'1'`, `''`),
  row('content with NUL', 'a text that C programs read half', BOTH, `'1'`, `'a' || chr(0) || 'b'`),
  row(
    'content of control characters',
    'all of them',
    BOTH,
    `'1'`,
    `(SELECT string_agg(chr(i::INTEGER), '') FROM range(1, 32) t(i))`,
  ),
  row(
    'content of non-characters',
    'U+FFFE, U+FFFF, U+10FFFF',
    BOTH,
    `'1'`,
    `chr(65534) || chr(65535) || chr(1114111)`,
  ),
  row('content of marks', 'a letter with 100,000 marks', BOTH, `'1'`, `'e' || repeat(chr(769), 100000)`),
  row('content as HTML', 'a script', BOTH, `'1'`, `'<script>alert(1)</script>'`),
  row(
    'content as a search',
    'words of FTS5’s query language',
    BOTH,
    `'1'`,
    `'" OR NEAR(a b) * AND NOT ^col:'`,
  ),
  row(
    'content of a megabyte without a space',
    'one word of a million letters',
    BOTH,
    `'1'`,
    `repeat('x', 1000000)`,
  ),
  row('content of 8 MB', 'a text as large as one may be', BOTH, `'1'`, `repeat('word ', 1600000)`),
  row(
    'content of 17 MB',
    'a text that is larger than one may be',
    ONE_KEPT,
    `'1'`,
    `repeat('word ', 3400000)`,
  ),
  values(
    'ids twice',
    'the same id in two rows: one counts',
    { rows: 1 },
    CONVERSATIONS,
    `INSERT INTO conversations_v2 VALUES ('1', 'one'), ('1', 'other')`,
  ),
  values(
    '50,000 times one id',
    'one counts',
    { rows: 1 },
    CONVERSATIONS,
    `INSERT INTO conversations_v2 SELECT '1', 'text ' || i FROM range(50000) t(i)`,
  ),
  values(
    'rows without id, by the thousand',
    'none of them counts',
    { rows: 0, refused: 5000 },
    CONVERSATIONS,
    `INSERT INTO conversations_v2 SELECT NULL, 'text' FROM range(5000)`,
  ),
  values(
    '100,000 equal rows',
    'a small file of very many rows',
    { quarantined: 'rows, which come to' },
    CONVERSATIONS,
    `INSERT INTO conversations_v2 SELECT 'x', 'y' FROM range(100000)`,
  ),
  values(
    '120 MB of text in a small file',
    'one text of 2 kB, in each of 60,000 rows',
    { quarantined: 'bytes of text' },
    CONVERSATIONS,
    `INSERT INTO conversations_v2 SELECT i::VARCHAR, repeat('a long text ', 170) FROM range(60000) t(i)`,
  ),
  timed('time infinity', 'counts as unknown', 'TIMESTAMP', `'infinity'`),
  timed('time -infinity', 'counts as unknown', 'TIMESTAMP', `'-infinity'`),
  timed('year 294247', 'the last that DuckDB has: counts as unknown', 'TIMESTAMP', `'294247-01-10 04:00:54'`),
  timed('year 290309 BC', 'the first that DuckDB has', 'TIMESTAMP', `'290309-12-22 (BC) 00:00:00'`),
  timed('year 44 BC', 'before all hosts', 'TIMESTAMP', `'0044-03-15 (BC) 12:00:00'`),
  timed('year 1', 'a zero date of other languages', 'TIMESTAMP', `'0001-01-01'`),
  timed('year 1970', 'the zero date', 'TIMESTAMP', `'1970-01-01'`),
  timed('year 9999', 'the future: the upload’s time counts', 'TIMESTAMP', `'9999-12-31 23:59:59.999999'`),
  timed('time in nanoseconds', 'another precision', 'TIMESTAMP_NS', `'2026-11-01 00:00:00.123456789'`),
  timed('time in seconds', 'another precision', 'TIMESTAMP_S', `'2026-11-01 00:00:00'`),
  timed('time with a zone', 'is converted', 'TIMESTAMPTZ', `'2026-11-01 00:00:00+14'`),
  timed('time with a zone, infinity', 'counts as unknown', 'TIMESTAMPTZ', `'infinity'`),
  timed('time as any text', 'an injection for a time', 'VARCHAR', `'2026-01-01''; DROP TABLE x; --'`),
  vector(
    'vector with NaN',
    'not comparable',
    'FLOAT[384]',
    `[CASE WHEN i = 7 THEN 'nan'::FLOAT ELSE 1 END FOR i IN range(384)]`,
  ),
  vector('vector with Infinity', 'not comparable', 'FLOAT[]', numbers(384, `'inf'::FLOAT`)),
  vector('vector of zeros', 'points nowhere', 'FLOAT[384]', numbers(384, '0')),
  vector('vector with NULL', 'not whole', 'FLOAT[]', numbers(384, 'NULL')),
  vector('vector of 383', 'of another model', 'FLOAT[]', numbers(383)),
  vector('vector of 0', 'empty', 'FLOAT[]', '[]'),
  vector('vector of 100,000', 'of no model', 'FLOAT[]', 'list_transform(range(100000), lambda x: 0.5)'),
  vector('vector of doubles beyond floats', 'too large', 'DOUBLE[]', numbers(384, '1e300')),
  vector('vector of integers', 'of no model', 'INTEGER[]', numbers(384)),
  vector('vector as text', 'no list', 'VARCHAR', `'[0, 1]'`),
  vector('vector as bytes', 'no list', 'BLOB', `'\\x00\\x01'`),
  vector('vector of vectors', 'a list of lists', 'FLOAT[][]', '[[1], [2]]'),
  vector('vector as a struct', 'no list', 'STRUCT(x FLOAT)', `{'x': 1}`),
  metadata(
    'JSON with prototype keys',
    'names that JavaScript’s objects have',
    '{"__proto__": {"admin": true}, "constructor": {"prototype": {}}}',
  ),
  metadata('JSON that is none', 'a text in a column of texts', '{"a": NaN, ', 'VARCHAR'),
  metadata(
    'JSON nested 5,000 deep',
    'deeper than parsers like',
    '['.repeat(5000) + ']'.repeat(5000),
    'VARCHAR',
  ),
  metadata(
    'JSON with numbers beyond 2^53',
    'kept as the text it is',
    '{"n": 123456789012345678901234567890}',
  ),
  metadata(
    'JSON with half a surrogate pair',
    'an escape that is no character',
    '{"a": "\\ud800"}',
    'VARCHAR',
  ),
  metadata('JSON that names the canary', 'a path, and nothing more', `{"$ref": "file:///etc/passwd"}`),
  values(
    'entity of nothing',
    'an entity without a name',
    { rows: 0, refused: 1 },
    'CREATE TABLE kg_entities(id VARCHAR, name VARCHAR)',
    `INSERT INTO kg_entities VALUES ('1', NULL)`,
  ),
  values(
    'entity of 100,000 observations',
    'a list without end',
    { rows: 1 },
    'CREATE TABLE kg_entities(id VARCHAR, name VARCHAR, observations VARCHAR[])',
    `INSERT INTO kg_entities SELECT '1', 'name', list_transform(range(100000), lambda x: 'seen')`,
  ),
  values(
    'relation to itself',
    'and to nothing',
    { rows: 2 },
    'CREATE TABLE kg_relationships(id VARCHAR, from_entity VARCHAR, to_entity VARCHAR, relation_type VARCHAR)',
    `INSERT INTO kg_relationships VALUES ('1', '1', '1', 'is'), ('2', 'gone', 'gone', NULL)`,
  ),
  values(
    'relation among 20,000 equal names',
    'an entity’s id stands twenty thousand times',
    { rows: 2 },
    'CREATE TABLE kg_entities(id VARCHAR, name VARCHAR)',
    `INSERT INTO kg_entities SELECT 'a', 'name' || i FROM range(20000) t(i)`,
    'CREATE TABLE kg_relationships(id VARCHAR, from_entity VARCHAR, to_entity VARCHAR, relation_type VARCHAR)',
    `INSERT INTO kg_relationships VALUES ('1', 'a', 'a', 'is')`,
  ),
];

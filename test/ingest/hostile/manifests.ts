import { ours, type HostileUpload } from './input.js';
import { NO_JSON, says, SOUND, withField, withFile, withText } from './manifest-changes.js';
import { FILE_FIELDS, FILE_NAMES, MISMATCHES, TYPES_OF_OURS } from './manifest-fields.js';
import { ORIGINAL_MANIFESTS } from './original-manifests.js';

const DEEP = 100_000;

export const MANIFESTS: readonly HostileUpload[] = [
  ours('manifest of nothing', 'no byte at all', NO_JSON, () => ''),
  ours('manifest of zeros', 'a kilobyte of NUL', NO_JSON, () => Buffer.alloc(1024)),
  ours('manifest as text', 'no JSON', NO_JSON, () => 'upload complete'),
  ours('manifest cut', 'half of the JSON', NO_JSON, (manifest) => JSON.stringify(manifest).slice(0, 200)),
  ours(
    'manifest as XML',
    'an entity that names a file',
    NO_JSON,
    () => '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>',
  ),
  ours('manifest as YAML', 'no JSON', NO_JSON, () => 'files: []\n'),
  ours(
    'manifest with a BOM',
    'which JSON must not have',
    NO_JSON,
    (manifest) => `\ufeff${JSON.stringify(manifest)}`,
  ),
  ours('manifest in UTF-16', 'another encoding', NO_JSON, (manifest) =>
    Buffer.from(JSON.stringify(manifest), 'utf16le'),
  ),
  ours(
    'manifest of invalid UTF-8',
    'a byte that is none of a text, in a name',
    says('files.0.name'),
    (manifest, file) =>
      Buffer.from(JSON.stringify({ ...manifest, files: [{ ...file, name: '@@' }] })).map((byte) =>
        byte === 0x40 ? 0xff : byte,
      ),
  ),
  ours('manifest twice', 'two documents in one', NO_JSON, (manifest) => JSON.stringify(manifest).repeat(2)),
  ours('manifest with comments', 'no JSON', NO_JSON, (manifest) => `// mine\n${JSON.stringify(manifest)}`),
  ...['null', '[]', '7', '"text"', 'true', '{}'].map((json) =>
    ours(`manifest ${json}`, 'JSON, but no manifest', says('manifest of upload'), () => json),
  ),
  ours(
    'manifest of 2 MB',
    'more than the megabyte that is read of one',
    says('takes no more than'),
    (manifest) => ({
      ...manifest,
      filler: 'x'.repeat(2_000_000),
    }),
  ),
  ours('manifest of 100 MB', 'not read at all', says('takes no more than'), () =>
    Buffer.alloc(100_000_000, 0x20),
  ),
  ours(
    `lists ${DEEP} deep`,
    'brackets and nothing else',
    says('manifest of upload'),
    () => '['.repeat(DEEP) + ']'.repeat(DEEP),
  ),
  ours(
    'objects 50,000 deep',
    'in a field that is not known',
    SOUND,
    withText('filler', '{"a":'.repeat(50_000) + '1' + '}'.repeat(50_000)),
  ),
  ours('a key twice', 'the second counts', SOUND, (manifest) =>
    JSON.stringify(manifest).replace('{', '{"order":-7,'),
  ),
  ours('__proto__ as a key', 'its value is given the manifest’s fields', SOUND, (manifest) =>
    JSON.stringify(manifest).replace('{', '{"__proto__":{"order":-7,"partial":true},'),
  ),
  ours('__proto__ in a file', 'the same of a file', SOUND, (manifest) =>
    JSON.stringify(manifest).replace('"name"', '"__proto__":{"flags":["unread"]},"name"'),
  ),
  ours('__proto__ as rows', 'a kind that is none', says('files.0.rows'), (manifest) =>
    JSON.stringify(manifest).replace('"rows":{', '"rows":{"__proto__":1,"constructor":2,'),
  ),
  ours(
    'constructor as a key',
    'an unknown field',
    SOUND,
    withField('constructor', { prototype: { partial: true } }),
  ),
  ours(
    'fields from a prototype alone',
    'nothing but __proto__',
    says('manifest of upload'),
    (manifest) => `{"format_version":1,"__proto__":${JSON.stringify(manifest)}}`,
  ),
  ...TYPES_OF_OURS,
  ours(
    'format_version 2',
    'a version that is not known',
    says('format_version'),
    withField('format_version', 2),
  ),
  ours(
    'format_version 0',
    'a version that never was',
    says('format_version'),
    withField('format_version', 0),
  ),
  ours('order NaN', 'no JSON', NO_JSON, withText('order', 'NaN')),
  ours('order 0', 'below the first', says('order: '), withField('order', 0)),
  ours('order -1', 'below the first', says('order: '), withField('order', -1)),
  ours('order 1.5', 'between two', says('order: '), withField('order', 1.5)),
  ours(
    'order 2^63',
    'beyond what the catalog can hold',
    says('order: '),
    withText('order', '9223372036854775808'),
  ),
  ours('order 2^53', 'beyond what can be counted', says('order: '), withText('order', '9007199254740992')),
  ours('order 1e999', 'infinite', says('order: '), withText('order', '1e999')),
  ours(
    'previous_order 2^63',
    'beyond what the catalog can hold',
    says('previous_order: '),
    withText('previous_order', '9223372036854775808'),
  ),
  ours(
    'timestamp of month 13',
    'a day that no calendar has',
    says('timestamp: '),
    withField('timestamp', '2026-13-01T00:00:00Z'),
  ),
  ours(
    'timestamp of 30 February',
    'a day that no calendar has',
    says('timestamp: '),
    withField('timestamp', '2026-02-30T00:00:00Z'),
  ),
  ours(
    'timestamp without a zone',
    'another instant on every machine',
    says('timestamp: '),
    withField('timestamp', '2026-11-22T10:00:00'),
  ),
  ours('timestamp of year 0', 'long before', SOUND, withField('timestamp', '0000-01-01T00:00:00Z')),
  ours(
    'timestamp of year 9999',
    'a clock that is wrong by years',
    SOUND,
    withField('timestamp', '9999-12-31T23:59:59Z'),
  ),
  ours(
    'timestamp of year 275760',
    'the last that JavaScript has',
    says('timestamp: '),
    withField('timestamp', '+275760-09-13T00:00:00Z'),
  ),
  ours(
    'time zone that is a path',
    'a file of the zone database',
    says('time_zone: '),
    withField('time_zone', '../../etc/passwd'),
  ),
  ours(
    'time zone as SQL',
    'an injection',
    says('time_zone: '),
    withField('time_zone', `UTC'); DROP TABLE x; --`),
  ),
  ours('time zone as an offset', 'as some write it', says('Europe/Berlin'), withField('time_zone', '+25:00')),
  ours(
    'time zone in other letters',
    'one that the runtime knows',
    SOUND,
    withField('time_zone', 'europe/berlin'),
  ),
  ours(
    'another upload’s id',
    'the folder says otherwise',
    says('names upload'),
    withField('upload_id', 'another'),
  ),
  ours(
    'another system’s id',
    'the folder says otherwise',
    says('names upload'),
    withField('system_id', 'another'),
  ),
  ours('no files', 'an upload of nothing', says('lists no files'), withField('files', [])),
  ours('1,001 files', 'more than there may be', says('files: '), (manifest, file) => ({
    ...manifest,
    files: Array<unknown>(1001).fill(file),
  })),
  ours('a million files', 'more than a megabyte of them', says('takes no more than'), (manifest) =>
    JSON.stringify({ ...manifest, files: '@@' }).replace('"@@"', `[${'{},'.repeat(999_999)}{}]`),
  ),
  ours('a file listed twice', 'it could not be told which one is meant', says('twice'), (manifest, file) => ({
    ...manifest,
    files: [file, file],
  })),
  ours('file names that differ in case', 'one file on some machines', says('twice'), (manifest, file) => ({
    ...manifest,
    files: [file, { ...file, name: 'Reflection.DuckDB' }],
  })),
  ...FILE_NAMES,
  ...FILE_FIELDS,
  ...MISMATCHES,
  ours(
    'path to another upload',
    'what a file’s path says is not asked: its name counts',
    SOUND,
    withFile({ path: 'systems/other/uploads/other/reflection.duckdb' }),
  ),
  ours(
    'a log without a database',
    'nothing but a log',
    says('lists no databases'),
    withFile({ flags: ['log'] }),
  ),
  ours(
    'unread database',
    'flagged as one that its host could not read: it is read here',
    SOUND,
    withFile({ flags: ['unread'] }),
  ),
  ours(
    'omitted: 2,000 databases',
    'a list without end',
    says('omitted: '),
    withField('omitted', Array<unknown>(2000).fill({ name: 'x', reason: 'y' })),
  ),
  ours(
    'omitted: unknown kind',
    'a kind that is none',
    says('omitted.0.kinds'),
    withField('omitted', [{ name: 'x', reason: 'y', kinds: ['__proto__'] }]),
  ),
  ours(
    'unchanged: bad name',
    'a name that would lead elsewhere',
    says('unchanged.0.name'),
    withField('unchanged', [{ name: '../x', upload_id: 'x', rows: {}, rows_digest: 'a'.repeat(64) }]),
  ),
  ...ORIGINAL_MANIFESTS,
];

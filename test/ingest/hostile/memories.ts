import { MEMORIES_FILE } from '../../../src/memory/index.js';
import { files, type HostileUpload, type UploadGets } from './input.js';
import { makeSound, packed } from './make.js';

/** A `memories.json` of this text or these bytes. */
function memories(name: string, what: string, gets: UploadGets, json: string | Buffer): HostileUpload {
  return files(`memories.json: ${name}`, what, gets, () => ({ [MEMORIES_FILE]: packed(Buffer.from(json)) }));
}

/** A conversation of this text beside a sound one. */
function item(name: string, what: string, gets: UploadGets, text: string): HostileUpload {
  return memories(name, what, gets, `{"conversations": [{"id": "sound", "content": "sound"}, ${text}]}`);
}

const ONE_KEPT: UploadGets = { rows: 1, refused: 1 };
const BOTH: UploadGets = { rows: 2 };
const NO_JSON: UploadGets = { quarantined: 'is not JSON' };
const NO_LIST: UploadGets = { quarantined: 'has no list conversations' };

const DEEP = 1_000_000;
const nested = '['.repeat(DEEP) + ']'.repeat(DEEP);

export const MEMORIES: readonly HostileUpload[] = [
  memories('nothing', 'no byte at all', NO_JSON, ''),
  memories('text', 'no JSON', NO_JSON, 'id,content\n1,one\n'),
  memories(
    'cut',
    'the first half of one',
    NO_JSON,
    '{"conversations": [{"id": "1", "content": "one"}, {"id"',
  ),
  memories(
    'a list',
    'conversations without the object around them',
    NO_JSON,
    '[{"id": "1", "content": "one"}]',
  ),
  memories('lines', 'an object in each line', NO_JSON, '{"id": "1"}\n{"id": "2"}\n'),
  memories('in UTF-16', 'another encoding', NO_JSON, Buffer.from('{"conversations": []}', 'utf16le')),
  memories('zeros', 'a megabyte of NUL', NO_JSON, Buffer.alloc(1_048_576)),
  files('memories.json: a database', 'a DuckDB file under that name', NO_JSON, async () => ({
    [MEMORIES_FILE]: await makeSound(),
  })),
  memories('other lists', 'what the format does not have', NO_LIST, '{"reflections": [], "entities": []}'),
  memories('list of a prototype', 'the list in __proto__', NO_LIST, '{"__proto__": {"conversations": []}}'),
  memories(
    'list that is none',
    'an object for the list',
    { quarantined: 'that are no list' },
    '{"conversations": {}}',
  ),
  memories(
    'list twice',
    'it could not be told which one is meant',
    { quarantined: 'twice' },
    '{"conversations": [], "conversations": [{"id": "1", "content": "one"}]}',
  ),
  memories(
    'half a million elements',
    'of two bytes each',
    { quarantined: 'rows or more, which come to' },
    `{"conversations": [${'0,'.repeat(500_000)}0]}`,
  ),
  memories(
    'brackets in another value',
    'a million deep, in a value that is passed over',
    { rows: 1 },
    `{"more": ${nested}, "conversations": [{"id": "1", "content": "one"}]}`,
  ),
  item('element a million deep', 'brackets and nothing else', ONE_KEPT, nested),
  item(
    'metadata a million deep',
    'kept as the text it is',
    BOTH,
    `{"content": "x", "metadata": {"a": ${nested}}}`,
  ),
  item('element of 25 MB', 'larger than one may be', ONE_KEPT, `"${'x'.repeat(25 * 1024 ** 2)}"`),
  item(
    'content of 17 MB',
    'larger than one may be',
    ONE_KEPT,
    `{"content": "${'x'.repeat(17 * 1024 ** 2)}"}`,
  ),
  item('element that is no object', 'a number', ONE_KEPT, '7'),
  item('element of no JSON', 'words without quotes', ONE_KEPT, '{content: x}'),
  item('element with an open bracket', 'closed by another kind', ONE_KEPT, '{"content": ["x"}}'),
  item('no content', 'nothing to find it by', ONE_KEPT, '{"id": "1"}'),
  item('content empty', 'passed over by the original, too', ONE_KEPT, '{"id": "1", "content": ""}'),
  item('content of half a character', 'a lone surrogate', ONE_KEPT, '{"id": "1", "content": "\\ud800"}'),
  item('content with NUL', 'a text that C programs read half', BOTH, '{"id": "1", "content": "a\\u0000b"}'),
  item(
    'id of 1,025 characters',
    'longer than an id may be',
    ONE_KEPT,
    `{"id": "${'x'.repeat(1025)}", "content": "x"}`,
  ),
  item('id 1e999', 'infinite', ONE_KEPT, '{"id": 1e999, "content": "x"}'),
  item('id an object', 'no text', ONE_KEPT, '{"id": {"$oid": "1"}, "content": "x"}'),
  item(
    'fields of a prototype',
    'content in __proto__',
    ONE_KEPT,
    '{"__proto__": {"content": "x", "id": "1"}}',
  ),
  item(
    'prototype keys',
    'names that JavaScript’s objects have',
    BOTH,
    '{"content": "x", "constructor": {"prototype": {"admin": true}}, "metadata": {"__proto__": {"admin": true}, "project": "p"}}',
  ),
  item(
    'fields of other types',
    'dropped, where a memory can do without',
    BOTH,
    '{"content": "x", "timestamp": {}, "source": 7, "metadata": "x", "embedding": "x"}',
  ),
  item(
    'time as SQL',
    'an injection for a time',
    BOTH,
    `{"content": "x", "timestamp": "2026-01-01'; DROP TABLE x; --"}`,
  ),
  item(
    'time of year 294247',
    'the last that DuckDB has',
    BOTH,
    '{"content": "x", "timestamp": "294247-01-10T04:00:54+14:00"}',
  ),
  item(
    'vector of a million',
    'of no model',
    BOTH,
    `{"content": "x", "embedding": [${'0,'.repeat(1_000_000)}0]}`,
  ),
  item(
    'vector beyond floats',
    'too large',
    BOTH,
    `{"content": "x", "embedding": [${'1e300,'.repeat(383)}1e300]}`,
  ),
  item(
    'NaN and Infinity',
    'as Python writes them',
    BOTH,
    '{"content": "x", "embedding": [NaN, -Infinity], "metadata": {"a": NaN}}',
  ),
  item(
    'path as metadata',
    'a path, and nothing more',
    BOTH,
    '{"content": "x", "metadata": {"$ref": "file:///etc/passwd"}}',
  ),
];

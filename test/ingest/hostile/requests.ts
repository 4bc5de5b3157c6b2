import type { HostileRequest } from './input.js';

/** The test's server asks for it. */
export const TOKEN = 'a-token-of-the-tests';

interface Head {
  method?: string;
  path?: string;
  headers?: Readonly<Record<string, string | number>>;
  /** By default the body's own. */
  length?: number | null;
}

function http(
  body: string | Uint8Array,
  { method = 'POST', path = '/mcp', headers = {}, length }: Head = {},
) {
  const bytes = Buffer.from(body);
  const said = length === undefined ? bytes.length : length;
  const all = {
    host: '127.0.0.1',
    authorization: `Bearer ${TOKEN}`,
    'content-type': 'application/json',
    connection: 'close',
    ...(said === null ? {} : { 'content-length': said }),
    ...headers,
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`);
  return [`${method} ${path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`, bytes];
}

function call(name: string, input: unknown): string {
  return JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name, arguments: input } });
}

type Gets = HostileRequest['gets'];

const raw = (
  name: string,
  what: string,
  gets: Gets,
  send: () => readonly (string | Uint8Array)[],
): HostileRequest => ({ name, what, gets, send });

const body = (
  name: string,
  what: string,
  gets: Gets,
  text: () => string | Uint8Array,
  head: Head = {},
): HostileRequest => raw(name, what, gets, () => http(text(), head));

/** A memory whose fields are changed, through the tool that stores one. */
const memory = (name: string, what: string, says: string, changes: Record<string, unknown>): HostileRequest =>
  body(name, what, { status: 200, says }, () =>
    call('store_memory', { memory_id: 'm', text: 'text', ...changes }),
  );

const FAILED = '"isError":true';
const STORED = '"status":"stored"';

export const REQUESTS: readonly HostileRequest[] = [
  body('HTTP: no token', 'a request of a stranger', { status: 401 }, () => '{}', {
    headers: { authorization: 'Bearer wrong' },
  }),
  body('HTTP: text/plain', 'what a web page may send to any site', { status: 415 }, () => '{}', {
    headers: { 'content-type': 'text/plain' },
  }),
  body('HTTP: multipart', 'a form', { status: 415 }, () => 'x', {
    headers: { 'content-type': 'multipart/form-data; boundary=x' },
  }),
  body('HTTP: XML', 'another format', { status: 415 }, () => '<x/>', {
    headers: { 'content-type': 'application/xml' },
  }),
  body(
    'HTTP: gzip body',
    'a body that is compressed',
    { status: 400 },
    () => Buffer.from([0x1f, 0x8b, 8, 0]),
    { headers: { 'content-encoding': 'gzip' } },
  ),
  body(
    'HTTP: 100 MB declared',
    'refused by its length, before a byte of it is read',
    { status: 413 },
    () => '{',
    { length: 100_000_000 },
  ),
  body(
    'HTTP: 40 MB in chunks',
    'refused as soon as it is more than may be',
    { status: 413 },
    () =>
      Buffer.concat(
        [...Array<Buffer>(40)].map(() =>
          Buffer.concat([Buffer.from('100000\r\n'), Buffer.alloc(1_048_576, 0x20), Buffer.from('\r\n')]),
        ),
      ),
    { length: null, headers: { 'transfer-encoding': 'chunked' } },
  ),
  body(
    'HTTP: 2 MB to a small route',
    'a search takes no more than one',
    { status: 413 },
    () => Buffer.alloc(2_000_000, 0x20),
    { path: '/api/v1/search' },
  ),
  body('HTTP: length that is none', 'a length of letters', { status: 400 }, () => '{}', {
    headers: { 'content-length': 'many' },
  }),
  body('HTTP: length and chunks', 'request smuggling', { status: 400 }, () => '0\r\n\r\n', {
    length: 5,
    headers: { 'transfer-encoding': 'chunked' },
  }),
  raw('HTTP: garbage', 'no HTTP at all', { status: 400 }, () => [
    '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n',
  ]),
  raw(
    'HTTP: garbage behind a request',
    'pipelined: the first is answered, the rest is not HTTP',
    { status: 200, says: '"status":"ok"' },
    () => ['GET /health HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n', 'garbage \0\xff\r\n\r\n'],
  ),
  raw('HTTP: 20,000 bytes of headers', 'more than Node takes', { status: 431 }, () => [
    `GET /health HTTP/1.1\r\nhost: x\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`,
  ]),
  raw('HTTP: a header without end', 'no line break', { status: 431 }, () => [
    'GET /health HTTP/1.1\r\n',
    'x'.repeat(40_000),
  ]),
  raw('HTTP: no host', 'HTTP 1.1 asks for one', { status: 400 }, () => ['GET /health HTTP/1.1\r\n\r\n']),
  body('HTTP: .. in the path', 'a path that would lead out', { status: 404 }, () => '', {
    method: 'GET',
    path: '/../../etc/passwd',
  }),
  body('HTTP: NUL in the path', 'URL-encoded', { status: 404 }, () => '', {
    method: 'GET',
    path: '/api/v1/%00',
  }),
  body('HTTP: half an escape in the path', 'a URL that is none', { status: 400 }, () => '', {
    method: 'GET',
    path: '/api/v1/systems/%/uploads',
  }),
  body('HTTP: .. as a system', 'URL-encoded', { status: 400, says: 'system_id' }, () => '', {
    method: 'GET',
    path: '/api/v1/systems/%2e%2e%2f/uploads',
  }),
  body('HTTP: DELETE', 'a method that there is not', { status: 405 }, () => '', { method: 'DELETE' }),
  body('JSON: none', 'a body that is none', { status: 400, says: 'not valid JSON' }, () => '{"a":'),
  body('JSON: invalid UTF-8', 'bytes that are no text', { status: 400, says: 'not valid JSON' }, () =>
    Buffer.from([0xff, 0xfe]),
  ),
  body(
    'JSON: __proto__',
    'a key that JavaScript’s objects have',
    { status: 400, says: 'not valid JSON' },
    () => '{"__proto__":{"admin":true}}',
  ),
  body(
    'JSON: constructor.prototype',
    'the same by another way',
    { status: 400, says: 'not valid JSON' },
    () => '{"constructor":{"prototype":{"admin":true}}}',
  ),
  body(
    'JSON: 200,000 deep',
    'brackets and nothing else',
    { status: 200, says: '-32600' },
    () => '['.repeat(200_000) + ']'.repeat(200_000),
  ),
  body('JSON: metadata 20,000 deep', 'a memory whose metadata are deep', { status: 200, says: FAILED }, () =>
    call('store_memory', { memory_id: 'deep', text: 'x', metadata: '@@' }).replace(
      '"@@"',
      '{"a":'.repeat(20_000) + '1' + '}'.repeat(20_000),
    ),
  ),
  ...['null', '7', '"text"', 'true', '{}', '[null]', '[[]]'].map((json) =>
    body(
      `MCP: ${json}`,
      'JSON, but no JSON-RPC',
      { status: json === 'null' ? 200 : 200, says: '-32600' },
      () => json,
    ),
  ),
  body('MCP: []', 'a batch of nothing', { status: 400, says: '1 to 100 messages' }, () => '[]'),
  body(
    'MCP: 101 messages',
    'a batch of more than may be',
    { status: 400, says: '1 to 100 messages' },
    () => `[${Array<string>(101).fill('{}').join(',')}]`,
  ),
  body(
    'MCP: unknown method',
    'what is not known',
    { status: 200, says: '-32601' },
    () => '{"method":"shutdown"}',
  ),
  body(
    'MCP: params as a list',
    'params of another type',
    { status: 200, says: '-32600' },
    () => '{"method":"tools/call","params":[]}',
  ),
  body(
    'MCP: tool __proto__',
    'a name that JavaScript’s objects have',
    { status: 200, says: '-32602' },
    () => '{"method":"tools/call","params":{"name":"__proto__"}}',
  ),
  body(
    'MCP: tool toString',
    'a name that JavaScript’s objects have',
    { status: 200, says: '-32602' },
    () => '{"method":"tools/call","params":{"name":"toString"}}',
  ),
  body(
    'MCP: unknown revision',
    'a revision that is not known',
    { status: 400, says: 'MCP-Protocol-Version' },
    () => '{}',
    { headers: { 'mcp-protocol-version': '1999-01-01' } },
  ),
  body('batch: no list', 'memories of another type', { status: 200, says: FAILED }, () =>
    call('batch_store_memories', { memories: 'all' }),
  ),
  body('batch: 1,001 memories', 'more than may be', { status: 200, says: 'at most 1000' }, () =>
    call('batch_store_memories', { memories: Array<unknown>(1001).fill({ memory_id: 'x', text: 'x' }) }),
  ),
  body(
    'batch: one of three is sound',
    'it is stored, the others are not',
    { status: 200, says: '"stored":1' },
    () =>
      call('batch_store_memories', {
        memories: [{ memory_id: 'sound', text: 'sound' }, { text: 'no id' }, { memory_id: 7, text: 'x' }],
      }),
  ),
  memory('memory: id NULL', 'a memory without an id', FAILED, { memory_id: null }),
  memory('memory: id empty', 'an id of no character', FAILED, { memory_id: '' }),
  memory('memory: id of 1,025 characters', 'longer than an id may be', FAILED, {
    memory_id: 'x'.repeat(1025),
  }),
  memory('memory: id with NUL', 'an id that C programs read half', FAILED, { memory_id: 'a\0b' }),
  memory('memory: half a surrogate pair', 'a text that is no Unicode', 'well-formed', { text: 'a\ud800' }),
  memory('memory: half a pair in a key', 'the same in its metadata', 'well-formed', {
    metadata: { 'a\udc00': 1 },
  }),
  memory('memory: text with NUL', 'a character like any', STORED, { memory_id: 'nul', text: 'a\0b' }),
  memory('memory: text of a list', 'a text of another type', FAILED, { text: ['x'] }),
  memory('memory: vector of texts', 'no numbers', FAILED, { embedding: ['x'] }),
  memory('memory: vector of 3', 'of another model: dropped, the text kept', STORED, {
    memory_id: 'v3',
    embedding: [1, 2, 3],
  }),
  memory('memory: vector beyond floats', 'too large: dropped, the text kept', STORED, {
    memory_id: 'v',
    embedding: Array<number>(384).fill(1e300),
  }),
  memory('memory: time that is none', 'kept as it is in the metadata', STORED, {
    memory_id: 't',
    metadata: { created_at: 'yesterday; DROP TABLE x' },
  }),
  memory('memory: source ../../etc', 'a system’s name that is a path: its id is escaped', STORED, {
    memory_id: 'p',
    metadata: { source: '../../etc' },
  }),
  memory('memory: source of 100,000 letters', 'its id is cut', STORED, {
    memory_id: 'l',
    metadata: { source: 'x'.repeat(100_000) },
  }),
];

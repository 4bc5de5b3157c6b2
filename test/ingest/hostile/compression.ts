import { deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { files, type HostileUpload, type UploadGets } from './input.js';
import { flipped, makeSound, packed, patched, type Files } from './make.js';

const CUT: UploadGets = { quarantined: 'is not a whole gzip stream: unexpected end of file' };
const NO_DATABASE: UploadGets = { quarantined: 'is not a DuckDB file' };
const SOUND: UploadGets = { rows: 2 };

/** The sound database, compressed and then spoilt. */
function gzip(
  name: string,
  what: string,
  gets: UploadGets,
  spoil: (stream: Buffer, raw: Buffer) => Uint8Array,
): HostileUpload {
  return files(name, what, gets, async (): Promise<Files> => {
    const raw = await makeSound();
    return { 'reflection.duckdb': spoil(packed(raw), raw) };
  });
}

const EMPTY = gzipSync('');
const ZEROS_MIB = 96;

function bomb(): Buffer {
  return packed(Buffer.alloc(ZEROS_MIB * 1024 ** 2));
}

const CUTS = [2, 10, 19, 256];

export const COMPRESSION: readonly HostileUpload[] = [
  gzip('gzip cut after 1 byte', 'the first byte of a gzip stream', NO_DATABASE, (stream) =>
    stream.subarray(0, 1),
  ),
  ...CUTS.map((at) =>
    gzip(`gzip cut after ${at} bytes`, `the first ${at} bytes of a gzip stream`, CUT, (stream) =>
      stream.subarray(0, at),
    ),
  ),
  ...[1, 8].map((last) =>
    gzip(`gzip without its last ${last}`, `a gzip stream that lacks its last ${last} bytes`, CUT, (stream) =>
      stream.subarray(0, -last),
    ),
  ),
  gzip(
    'gzip and garbage',
    'a sound stream with other bytes behind it',
    { quarantined: 'incorrect header check' },
    (stream) => Buffer.concat([stream, Buffer.from('garbage')]),
  ),
  gzip('gzip and zeros', 'a sound stream filled up with zeros, as tapes are', SOUND, (stream) =>
    Buffer.concat([stream, Buffer.alloc(512)]),
  ),
  gzip('gzip and half a member', 'a sound stream and the beginning of another', CUT, (stream) =>
    Buffer.concat([stream, stream.subarray(0, 20)]),
  ),
  gzip('gzip of two members', 'the halves of a database as two members', SOUND, (_stream, raw) =>
    Buffer.concat([packed(raw.subarray(0, 5000)), packed(raw.subarray(5000))]),
  ),
  gzip('gzip of 5,000 members', 'a database behind 5,000 empty members', SOUND, (stream) =>
    Buffer.concat([...Array<Buffer>(5000).fill(EMPTY), stream]),
  ),
  gzip(
    'gzip with a wrong CRC',
    'a checksum that is another’s',
    { quarantined: 'incorrect data check' },
    (s) => flipped(s, s.length - 8),
  ),
  gzip(
    'gzip with a wrong length',
    'a length that is another’s',
    { quarantined: 'incorrect length check' },
    (s) => flipped(s, s.length - 1),
  ),
  gzip('gzip of gzip', 'compressed twice', NO_DATABASE, (stream) => packed(stream)),
  gzip('gzip of nothing', 'a stream of no bytes', NO_DATABASE, () => EMPTY),
  gzip('gzip of an unknown method', 'method 7', { quarantined: 'unknown compression method' }, (s) =>
    patched(s, 2, 7),
  ),
  gzip('gzip with reserved flags', 'flags that must be 0', { quarantined: 'unknown header flags set' }, (s) =>
    patched(s, 3, 0xe0),
  ),
  gzip('gzip with a path as its name', 'the header’s file name is ../../canary', SOUND, (s) =>
    Buffer.concat([patched(s.subarray(0, 10), 3, 8), Buffer.from('../../canary\0'), s.subarray(10)]),
  ),
  gzip('gzip with a name without end', 'a header that never ends', CUT, (s) =>
    Buffer.concat([patched(s.subarray(0, 10), 3, 8), Buffer.alloc(200_000, 0x41)]),
  ),
  gzip(
    'gzip with spoilt bits',
    'bits turned round in the middle',
    { quarantined: 'is not a whole gzip' },
    (s) => patched(s, 10, 0xff, 0xff, 0xff, 0xff),
  ),
  files(
    'gzip bomb',
    `${ZEROS_MIB} MiB of zeros in some hundred kilobytes`,
    { quarantined: 'bytes after decompression' },
    () => ({ 'reflection.duckdb': bomb() }),
  ),
  files(
    'gzip bomb of many members',
    'a thousand members that are small one by one',
    { quarantined: 'bytes after decompression' },
    () => {
      const member = packed(Buffer.alloc(ZEROS_MIB * 1024));
      return { 'reflection.duckdb': Buffer.concat(Array<Buffer>(1024).fill(member)) };
    },
  ),
  files('gzip bomb in a gzip', 'a bomb, compressed again: only the outer one is opened', NO_DATABASE, () => ({
    'reflection.duckdb': packed(bomb()),
  })),
  gzip('zlib stream', 'deflate with zlib’s header', NO_DATABASE, (_stream, raw) => deflateSync(raw)),
  gzip('bare deflate stream', 'deflate without a header', NO_DATABASE, (_stream, raw) => deflateRawSync(raw)),
  ...Object.entries({
    zip: [0x50, 0x4b, 3, 4],
    zstd: [0x28, 0xb5, 0x2f, 0xfd],
    bzip2: [0x42, 0x5a, 0x68, 0x39],
    xz: [0xfd, 0x37, 0x7a, 0x58, 0x5a],
  }).map(([format, magic]) =>
    gzip(`${format} file`, `begins as ${format} does`, NO_DATABASE, () =>
      patched(Buffer.alloc(20_000), 0, ...magic),
    ),
  ),
];

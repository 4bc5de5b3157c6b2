import { files, type HostileUpload, type UploadGets } from './input.js';
import {
  CONVERSATIONS,
  flipped,
  makeBytes,
  makeSound,
  makeWith,
  noise,
  packed,
  patched,
  resealed,
  writtenBy,
} from './make.js';

const NO_DATABASE: UploadGets = { quarantined: 'is not a DuckDB file' };
const BROKEN: UploadGets = { quarantined: 'cannot be read as a DuckDB file' };
const SOUND: UploadGets = { rows: 2 };

function database(
  name: string,
  what: string,
  gets: UploadGets,
  make: (sound: Buffer) => Promise<Uint8Array> | Uint8Array,
): HostileUpload {
  return files(name, what, gets, async () => ({
    'reflection.duckdb': packed(await make(await makeSound())),
  }));
}

const HEADER = 4096;
const BLOCK = 262_144;
const FIRST_BLOCK = 3 * HEADER;

/** What lies where in a database header, in 64-bit words behind the checksum. */
const IN_HEADER = { iteration: 8, metaBlock: 16, freeList: 24, blocks: 32, blockSize: 40, vectorSize: 48 };

/** Sets a field of both database headers, of which the reader takes the one with the greater iteration. */
function inBoth(sound: Buffer, offset: number, value: bigint): Buffer {
  return resealed(resealed(sound, HEADER + offset, value), 2 * HEADER + offset, value);
}

export const DATABASES: readonly HostileUpload[] = [
  database('empty file', 'no byte at all', NO_DATABASE, () => Buffer.alloc(0)),
  database('text file', 'a line of text', NO_DATABASE, () => Buffer.from('this is no database\n')),
  database('random bytes, 4 KiB', 'shorter than the headers', NO_DATABASE, () => noise(4096)),
  database('random bytes, 1 MiB', 'as long as a database', NO_DATABASE, () => noise(1_048_576)),
  database('zeros', 'a megabyte of zeros', NO_DATABASE, () => Buffer.alloc(1_048_576)),
  database('SQLite file', 'begins as SQLite does', NO_DATABASE, () =>
    Buffer.concat([Buffer.from('SQLite format 3\0'), Buffer.alloc(8176)]),
  ),
  database('Parquet file', 'a real one', NO_DATABASE, () =>
    writtenBy(`COPY (SELECT 1 AS id) TO '%' (FORMAT parquet)`),
  ),
  database('CSV file', 'a real one', NO_DATABASE, () =>
    writtenBy(`COPY (SELECT range AS id, 'text' AS content FROM range(2000)) TO '%' (FORMAT csv)`),
  ),
  database('only the four letters', 'DUCK at byte 8 and nothing else', BROKEN, () =>
    patched(Buffer.alloc(FIRST_BLOCK), 8, 0x44, 0x55, 0x43, 0x4b),
  ),
  database('random bytes with the four letters', 'DUCK at byte 8, then noise', BROKEN, () =>
    patched(noise(600_000), 8, 0x44, 0x55, 0x43, 0x4b),
  ),
  ...[8, 20, 4096, FIRST_BLOCK - 1].map((at) =>
    database(`database cut at ${at}`, `its first ${at} bytes: not its headers`, NO_DATABASE, (sound) =>
      sound.subarray(0, at),
    ),
  ),
  ...[FIRST_BLOCK, 65_536, FIRST_BLOCK + BLOCK - 1].map((at) =>
    database(`database cut at ${at}`, `its first ${at} bytes: not its first block`, BROKEN, (sound) =>
      sound.subarray(0, at),
    ),
  ),
  database('database without its last byte', 'one byte is missing', BROKEN, (sound) => sound.subarray(0, -1)),
  database('database and garbage', 'other bytes behind the last block', SOUND, (sound) =>
    Buffer.concat([sound, noise(10_000)]),
  ),
  ...Object.entries({
    'the main header’s checksum': 0,
    'the main header': 30,
    'its version': 13,
  }).map(([what, at]) =>
    database(`flipped byte in ${what}`, `the byte ${at} turned round`, BROKEN, (sound) => flipped(sound, at)),
  ),
  database('flipped letter of DUCK', 'the byte 9 turned round', NO_DATABASE, (sound) => flipped(sound, 9)),
  database('flipped bytes in both database headers', 'neither has its checksum', BROKEN, (sound) =>
    flipped(flipped(sound, HEADER + 20), 2 * HEADER + 20),
  ),
  ...[0, 8, 1000].map((at) =>
    database(`flipped byte ${at} of each block`, 'a block has not its checksum', BROKEN, (sound) => {
      const copy = Buffer.from(sound);
      for (let block = FIRST_BLOCK; block + at < copy.length; block += BLOCK)
        copy[block + at] = (copy[block + at] ?? 0) ^ 0xff;
      return copy;
    }),
  ),
  ...[1n, 63n].map((version) =>
    database(
      `file version ${version}`,
      'older than any that can be read',
      { quarantined: `file version ${version}` },
      (sound) => resealed(sound, 12, version),
    ),
  ),
  ...[99_999n, 2n ** 64n - 1n].map((version) =>
    database(`file version ${version}`, 'newer than any', { quarantined: 'version' }, (sound) =>
      resealed(sound, 12, version),
    ),
  ),
  database('10 GB declared', 'headers that name 40,000 blocks', SOUND, (sound) =>
    inBoth(sound, IN_HEADER.blocks, 40_000n),
  ),
  database('blocks without number declared', 'headers that name 2^62 blocks', SOUND, (sound) =>
    inBoth(sound, IN_HEADER.blocks, 2n ** 62n),
  ),
  database('catalog in a block that is not', 'the root of the catalog is block 5,000', BROKEN, (sound) =>
    inBoth(sound, IN_HEADER.metaBlock, 5000n),
  ),
  database('catalog in block -1', 'which is a database without tables', { rows: 0 }, (sound) =>
    inBoth(sound, IN_HEADER.metaBlock, 2n ** 64n - 1n),
  ),
  database('free list in a block that is not', 'block 5,000 holds the free list', BROKEN, (sound) =>
    inBoth(sound, IN_HEADER.freeList, 5000n),
  ),
  database('blocks of 0 bytes', 'a block size of nothing', SOUND, (sound) =>
    inBoth(sound, IN_HEADER.blockSize, 0n),
  ),
  database('vectors of 2^40 values', 'a vector size of another program', BROKEN, (sound) =>
    inBoth(sound, IN_HEADER.vectorSize, 2n ** 40n),
  ),
  ...['v0.10.2', 'v1.0.0', 'v1.1.0', 'v1.2.0', 'v1.3.0', 'v1.4.0', 'v1.5.0', 'latest'].map((version) =>
    database(`storage version ${version}`, 'what hosts of that age write', SOUND, () =>
      makeWith(`STORAGE_VERSION '${version}'`),
    ),
  ),
  database('encrypted database', 'its key is not known here', { quarantined: 'reflection.duckdb' }, () =>
    makeWith(`ENCRYPTION_KEY 'a key'`),
  ),
  database('database with blocks of 16 KiB', 'the smallest there are', SOUND, () =>
    makeWith('BLOCK_SIZE 16384'),
  ),
  database('database without a table', 'nothing in it', { rows: 0 }, () => makeBytes()),
  files('two files, one broken', 'the upload has one state: nothing of it goes in', BROKEN, async () => ({
    'reflection.duckdb': packed(await makeSound()),
    'knowledge_graph.duckdb': packed((await makeSound()).subarray(0, 20_000)),
  })),
  files('the same file twice', 'under two names: each memory counts once', SOUND, async () => ({
    'reflection.duckdb': packed(await makeSound()),
    'reflection-copy.duckdb': packed(await makeSound()),
  })),
  files('20 files', 'twenty small databases', { rows: 2 }, async () => {
    const bytes = packed(
      await makeBytes(CONVERSATIONS, `INSERT INTO conversations_v2 VALUES ('1', 'a'), ('2', 'b')`),
    );
    return Object.fromEntries(Array.from({ length: 20 }, (_, n) => [`f${n}.duckdb`, bytes]));
  }),
];

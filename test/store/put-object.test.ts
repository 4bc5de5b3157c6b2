import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AkoshaError } from '../../src/contract/index.js';
import { openObjectStore, type ObjectStore } from '../../src/objects/index.js';
import { putVerified } from '../../src/store/embedded/put-object.js';

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'akosha-put-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const small = Buffer.from('a journal');
const large = Buffer.alloc(600 * 1024, 7);

let puts = 0;

/** A new file with these bytes, and what puts it under a name of its own in `archive`. */
async function prepare(archive: ObjectStore, bytes: Buffer) {
  const file = join(folder, `out-${++puts}`);
  await writeFile(file, bytes);
  const back = join(folder, `back-${puts}`);
  const name = (hash: string): string => `journal/${puts}-${hash.slice(0, 8)}`;
  const context = {
    archive,
    hashFile: async (path: string) => {
      const read = await readFile(path);
      return { bytes: read.byteLength, sha256: sha256(read) };
    },
    signal: new AbortController().signal,
    write: (work: () => Promise<unknown>) => work(),
  };
  const put = { file, back, name, failPoint: 'ingest.after-journal-put' } as const;
  return { back, put: (keepsBack = false) => putVerified(context, { ...put, keepsBack }) };
}

const openArchive = (): Promise<ObjectStore> => openObjectStore(pathToFileURL(join(folder, 'objects')).href);

describe.each([
  ['small', small],
  ['large', large],
])('a %s object', (_size, bytes) => {
  it('is there as it was written, under a name of its hash', async () => {
    const archive = await openArchive();
    const { put } = await prepare(archive, bytes);
    const object = await put();
    expect(object).toEqual({ name: object.name, bytes: bytes.byteLength, sha256: sha256(bytes) });
    expect(object.name).toContain(object.sha256.slice(0, 8));
    expect((await archive.get(object.name)).equals(bytes)).toBe(true);
  });

  it('that is there already, because an answer was lost, is compared and taken', async () => {
    const archive = await openArchive();
    const { put } = await prepare(archive, bytes);
    expect(await put()).toEqual(await put());
  });

  it('that comes back damaged, or not at all, is no object', async () => {
    const archive = await openArchive();
    const { put } = await prepare(archive, bytes);
    const { name } = await put();
    await archive.delete([name]);
    // Somebody else's under the name: what was to be put is not what is there.
    await archive.put(name, Buffer.concat([bytes, Buffer.from('x')]));
    await expect(put()).rejects.toMatchObject({
      type: 'ObjectCorrupt',
      message: expect.stringMatching(/read back has SHA-256 \w+, written was \w+$/),
    });
    // A double, to lose the object between the two.
    const gone = (): Promise<never> => Promise.reject(new AkoshaError('ObjectNotFound', name));
    const losing = await openArchive();
    Object.assign(losing, { get: gone, getFile: gone });
    const lost = await prepare(losing, bytes);
    await expect(lost.put()).rejects.toMatchObject({
      type: 'ObjectCorrupt',
      message: expect.stringMatching(/was put and is not there$/),
    });
  });
});

it('a small object that somebody reads on comes back to the disk', async () => {
  const { put, back } = await prepare(await openArchive(), small);
  await put();
  await expect(stat(back)).rejects.toMatchObject({ code: 'ENOENT' });
  const again = await prepare(await openArchive(), small);
  await again.put(true);
  expect((await readFile(again.back)).equals(small)).toBe(true);
});

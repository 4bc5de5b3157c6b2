import { copyFile, mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { AkoshaError, manifestKey, receiptKey, uploadPrefix } from '../../src/contract/index.js';
import type { SnapshotRequest } from '../../src/reader/index.js';
import { prepareUpload, type UploadProgress } from '../../src/upload/index.js';
import { openPool, setEnvironment } from '../reader/support.js';
import { SAMPLES } from '../support/databases.js';
import { emptyManifest, keysOf, makeHost, manifestIn, NOW, waitingIn, withFault } from './support.js';

const outboxOf = (dataDir: string): string => join(dataDir, 'agent', 'outbox');

describe('a new upload', () => {
  it('holds all databases of the host, counted and summed, in the outbox', async () => {
    const host = await makeHost();
    const seen: UploadProgress[] = [];
    const prepared = await prepareUpload(host, {
      uploadId: 'u1',
      onProgress: (progress) => seen.push(progress),
    });
    const sum = expect.stringMatching(/^[0-9a-f]{64}$/);
    const sizes = {
      storedBytes: expect.any(Number),
      storedSha256: sum,
      rawBytes: expect.any(Number),
      rawSha256: sum,
    };
    expect(prepared).toEqual({
      status: 'prepared',
      uploadId: 'u1',
      files: 2,
      bytes: expect.any(Number),
      rows: { conversation: 208, reflection: 104, entity: 56, relation: 79 },
      omitted: [],
    });
    const manifest = await manifestIn(host, 'u1');
    expect(manifest).toMatchObject({
      dialect: 'akosha',
      systemId: 'host-1',
      uploadId: 'u1',
      createdAt: NOW,
      order: 1,
      previousOrder: null,
      timeZone: 'Europe/Berlin',
      files: [
        { name: 'reflection.duckdb', ...sizes, rows: { conversation: 208, reflection: 104 } },
        { name: 'knowledge_graph.duckdb', ...sizes, rows: { entity: 56, relation: 79 } },
      ],
      unchanged: [],
      omitted: [],
      uploader: 'akosha',
    });
    expect(manifest.files).toHaveLength(2);
    const folder = join(outboxOf(host.dataDir), 'u1');
    expect((await readdir(folder)).sort()).toEqual([
      'knowledge_graph.duckdb',
      'reflection.duckdb',
      'upload.json',
    ]);
    let bytes = 0;
    for (const file of manifest.files) {
      const { size } = await stat(join(folder, file.name));
      expect(size).toBe(file.storedBytes);
      bytes += size;
    }
    expect(prepared.bytes).toBe(bytes);
    expect(await keysOf(host.uploads)).toEqual([]);
    const step = { step: 'snapshot', method: null, total: 2, bytes: 0, totalBytes: 0 };
    expect(seen).toEqual([
      { ...step, done: 0, file: 'reflection.duckdb' },
      { ...step, done: 1, file: 'knowledge_graph.duckdb' },
      { ...step, done: 2, file: null },
    ]);
    expect(host.warnings).toEqual([]);
  });

  it('is taken once: asked for again it is returned as it is', async () => {
    const host = await makeHost();
    const first = await prepareUpload(host, { uploadId: 'u1' });
    const later = { ...host, now: () => NOW + 1000, databases: [] };
    expect(await prepareUpload(later, { uploadId: 'u1' })).toEqual(first);
    expect((await manifestIn(host, 'u1')).createdAt).toBe(NOW);
    await prepareUpload(host, { uploadId: 'u2' });
    expect((await manifestIn(host, 'u2')).order).toBe(2);
  });

  it('is taken once where two ask at the same time', async () => {
    const host = await makeHost();
    const [a, b] = await Promise.all([
      prepareUpload(host, { uploadId: 'u1' }),
      prepareUpload(host, { uploadId: 'u1' }),
    ]);
    expect(a).toEqual(b);
    expect((await manifestIn(host, 'u1')).order).toBe(1);
  });

  it('gives databases of one name distinct names, and hostile names safe ones', async () => {
    const host = await makeHost();
    const [reflection = ''] = host.databases;
    const databases = ['a/x.duckdb', 'b/x.duckdb', `c/manifest.json`, `d/..; rm -rf $HOME '"`].map((name) =>
      join(host.folder, name),
    );
    for (const path of databases) {
      await mkdir(join(path, '..'));
      await copyFile(reflection, path);
    }
    await prepareUpload({ ...host, databases }, { uploadId: 'u1' });
    expect((await manifestIn(host, 'u1')).files.map(({ name }) => name)).toEqual([
      'x.duckdb',
      'x-2.duckdb',
      'manifest-2.json',
      '__rm_-rf__HOME___',
    ]);
  });

  it.each(['', '.', '..', '../x', 'a/b', '.hidden', 'x'.repeat(129), 'a b'])(
    'is refused the id %j',
    async (uploadId) => {
      const host = await makeHost();
      await expect(prepareUpload(host, { uploadId })).rejects.toMatchObject({ type: 'BadRequest' });
    },
  );
});

describe('a database that cannot be had', () => {
  it('is left out with its reason, and does not hold up the others', async () => {
    const host = await makeHost();
    const junk = join(host.folder, 'junk.duckdb');
    await writeFile(junk, 'junk');
    const databases = [join(host.folder, 'missing.duckdb'), ...host.databases, junk];
    const prepared = await prepareUpload({ ...host, databases }, { uploadId: 'u1' });
    const { files } = await manifestIn(host, 'u1');
    expect(files.map(({ name }) => name)).toEqual(['reflection.duckdb', 'knowledge_graph.duckdb']);
    expect(prepared.omitted).toEqual([
      { name: 'missing.duckdb', reason: expect.stringContaining('ENOENT') },
      { name: 'junk.duckdb', reason: expect.stringContaining('is not a DuckDB file') },
    ]);
    expect(host.warnings).toHaveLength(2);
  });

  it('leaves nothing to upload where it is the only one', async () => {
    const host = await makeHost();
    const options = { uploadId: 'u1' };
    await expect(prepareUpload({ ...host, databases: ['/nowhere/x.duckdb'] }, options)).rejects.toMatchObject(
      {
        type: 'NothingToUpload',
        message: expect.stringMatching(
          /host-1 has no database to upload \(\/nowhere\/x\.duckdb cannot be read.*AKOSHA_DATABASES/,
        ),
      },
    );
    await expect(prepareUpload({ ...host, databases: [] }, options)).rejects.toMatchObject({
      type: 'NothingToUpload',
      message: expect.stringContaining('none is named'),
    });
    expect(await readdir(outboxOf(host.dataDir))).toEqual([]);
  });

  it('is tried again where the reader died over it', async () => {
    setEnvironment('AKOSHA_FAIL_POINT', 'upload.after-fold');
    const host = await makeHost({ reader: openPool() });
    const prepared = await prepareUpload(host, { uploadId: 'u1' });
    expect(prepared.files).toBe(2);
    expect(host.warnings).toEqual([
      expect.stringMatching(/^a reader failed over a database; trying once more .*SIGKILL/),
    ]);
  });

  it('is left out where the reader dies over it twice; where it is the only one, that can be tried again', async () => {
    const host = await makeHost();
    const [reflection = '', graph = ''] = host.databases;
    // A double, because no file is known that kills a reader.
    const reader = new Proxy(host.reader, {
      get: (target, name): unknown =>
        name === 'snapshotDatabase'
          ? (request: SnapshotRequest) =>
              request.database === reflection
                ? Promise.reject(new AkoshaError('ReaderFailed', 'the reader died'))
                : target.snapshotDatabase(request)
          : Reflect.get(target, name),
    });
    const prepared = await prepareUpload({ ...host, reader }, { uploadId: 'u1' });
    expect(prepared.omitted).toEqual([{ name: 'reflection.duckdb', reason: 'the reader died' }]);
    expect((await manifestIn(host, 'u1')).files.map(({ name }) => name)).toEqual(['knowledge_graph.duckdb']);
    const missing = graph.replace('knowledge', 'no');
    await expect(
      prepareUpload({ ...host, reader, databases: [missing, reflection] }, { uploadId: 'u2' }),
    ).rejects.toMatchObject({ type: 'ReaderFailed' });
  });
});

describe('what went wrong before', () => {
  it('half-made uploads are removed, whole ones kept', async () => {
    const host = await makeHost();
    await prepareUpload(host, { uploadId: 'u1' });
    const half = join(outboxOf(host.dataDir), 'u0');
    await mkdir(half);
    await writeFile(join(half, 'reflection.duckdb'), 'half');
    await prepareUpload(host, { uploadId: 'u2' });
    expect((await readdir(outboxOf(host.dataDir))).sort()).toEqual(['u1', 'u2']);
  });

  it.each([
    ['a file is cut short', async (folder: string) => writeFile(join(folder, 'reflection.duckdb'), 'short')],
    ['a file is gone', async (folder: string) => rm(join(folder, 'reflection.duckdb'))],
    [
      'its state is no manifest',
      async (folder: string) => writeFile(join(folder, 'upload.json'), '{"system_id":"x"}'),
    ],
    ['its state is no JSON', async (folder: string) => writeFile(join(folder, 'upload.json'), '{')],
  ])('an upload is taken anew where %s', async (_what, damage) => {
    const host = await makeHost();
    await prepareUpload(host, { uploadId: 'u1' });
    await damage(join(outboxOf(host.dataDir), 'u1'));
    expect(await waitingIn(host)).toEqual([]);
    const again = await prepareUpload(host, { uploadId: 'u1' });
    expect(again).toMatchObject({ status: 'prepared', files: 2 });
    expect((await manifestIn(host, 'u1')).order).toBe(2);
    expect(host.warnings[0]).toMatch(/^an upload in the outbox is damaged/);
  });

  it('a failure leaves no half-made upload', async () => {
    const host = await makeHost();
    const caller = new AbortController();
    const prepared = prepareUpload(host, {
      uploadId: 'u1',
      signal: caller.signal,
      onProgress: ({ done }) => done === 1 && caller.abort(),
    });
    await expect(prepared).rejects.toMatchObject({ type: 'Cancelled' });
    expect(await readdir(outboxOf(host.dataDir))).toEqual([]);
  });
});

describe('an upload id that the object store knows', () => {
  const ref = { systemId: 'host-1', uploadId: 'u1' };

  it('and has whole is delivered already', async () => {
    const host = await makeHost();
    await host.uploads.put(manifestKey(ref), emptyManifest(ref, { order: 5 }));
    expect(await prepareUpload(host, { uploadId: 'u1' })).toMatchObject({
      status: 'delivered',
      uploadId: 'u1',
    });
    expect(await waitingIn(host)).toEqual([]);
  });

  it('from before a lost disk, without its manifest, is cleared away', async () => {
    const host = await makeHost();
    await host.uploads.put(`${uploadPrefix(ref)}reflection.duckdb`, 'of another snapshot');
    await host.uploads.put('systems/host-1/uploads/u10/reflection.duckdb', 'of another upload');
    expect(await prepareUpload(host, { uploadId: 'u1' })).toMatchObject({ status: 'prepared' });
    expect(await keysOf(host.uploads)).toEqual(['systems/host-1/uploads/u10/reflection.duckdb']);
  });

  it('and has a receipt of, its files gone, is used up', async () => {
    const host = await makeHost();
    await host.uploads.put(receiptKey(ref), '{}');
    await expect(prepareUpload(host, { uploadId: 'u1' })).rejects.toMatchObject({ type: 'UploadReplaced' });
    expect(await keysOf(host.uploads)).toEqual([receiptKey(ref)]);
  });

  it('is not asked for while the object store is away', async () => {
    const host = await makeHost();
    await prepareUpload(host, { uploadId: 'u0' });
    const uploads = withFault(host.uploads, () => {
      throw new AkoshaError('ObjectStoreUnavailable', 'away');
    });
    await prepareUpload({ ...host, uploads }, { uploadId: 'u1' });
    expect(await manifestIn(host, 'u1')).toMatchObject({ order: 2, previousOrder: 1 });
  });
});

it('recovers what is only in the log of a killed writer', async () => {
  const host = await makeHost({ databases: [join(SAMPLES, 'wal_fresh', 'reflection.duckdb')] });
  const { rows } = await prepareUpload(host, { uploadId: 'u1' });
  expect(rows).toEqual({ conversation: 208, reflection: 104 });
});

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { AkoshaError, manifestKey } from '../../src/contract/index.js';
import { FAIL_POINTS } from '../../src/faults/index.js';
import { Outbox, prepareUpload, syncDirectly } from '../../src/upload/index.js';
import { emptyManifest, jsonOf, keysOf, makeHost, NOW, withFault, type TestHost } from './support.js';

const REF = { systemId: 'host-1', uploadId: 'u1' };

it('delivers what the outbox still holds, in order, and then a new upload', async () => {
  const host = await makeHost();
  await prepareUpload(host, { uploadId: 'b' });
  await prepareUpload(host, { uploadId: 'a' });
  const sent: unknown[] = [];
  const uploads = withFault(host.uploads, (method, key) => method === 'put' && sent.push(key));
  const { earlier, upload, filesUploaded } = await syncDirectly({ ...host, uploads }, { uploadId: 'c' });
  expect(earlier).toEqual(['b', 'a']);
  expect(upload).toMatchObject({ uploadId: 'c', order: 3, previousOrder: 2 });
  expect(filesUploaded).toHaveLength(2);
  expect(sent.filter((key) => String(key).endsWith('manifest.json'))).toEqual(
    ['b', 'a', 'c'].map((uploadId) => manifestKey({ systemId: 'host-1', uploadId })),
  );
});

it('takes no new snapshot while earlier uploads cannot be delivered', async () => {
  const host = await makeHost();
  await prepareUpload(host, { uploadId: 'a' });
  const uploads = withFault(host.uploads, () => {
    throw new AkoshaError('ObjectStoreUnavailable', 'away');
  });
  await expect(syncDirectly({ ...host, uploads }, { uploadId: 'b' })).rejects.toMatchObject({
    type: 'ObjectStoreUnavailable',
  });
  expect((await new Outbox(host).list()).map(({ manifest }) => manifest.uploadId)).toEqual(['a']);
});

it('drops an earlier upload whose id was taken by another host, and goes on', async () => {
  const host = await makeHost();
  await prepareUpload(host, { uploadId: 'a' });
  const ref = { systemId: 'host-1', uploadId: 'a' };
  await host.uploads.put(manifestKey(ref), emptyManifest(ref, { order: 7 }));
  const { earlier, upload } = await syncDirectly(host, { uploadId: 'b' });
  expect(earlier).toEqual([]);
  expect(upload).toMatchObject({ order: 8, previousOrder: 7 });
  expect(host.warnings).toEqual([expect.stringContaining('dropping an upload from the outbox')]);
  expect(await new Outbox(host).list()).toEqual([]);
});

describe('a sync that was killed and repeated', () => {
  /** Where the process itself is killed, and how far the first try came: what stands in the bucket then. */
  const KILLED_AT = {
    'upload.after-snapshot': [],
    'upload.before-files': [],
    'upload.after-first-file': ['reflection.duckdb'],
    'upload.after-files': ['knowledge_graph.duckdb', 'reflection.duckdb'],
    'upload.after-manifest': ['knowledge_graph.duckdb', 'manifest.json', 'reflection.duckdb'],
    'upload.after-inbox': ['inbox', 'knowledge_graph.duckdb', 'manifest.json', 'reflection.duckdb'],
    'upload.after-outbox': ['inbox', 'knowledge_graph.duckdb', 'manifest.json', 'reflection.duckdb'],
  };

  /** Where a reader is killed: the sync sees it, and goes on with a fresh one. */
  const READER_KILLED_AT = ['upload.after-copy', 'upload.after-fold'];

  function run(host: TestHost, failPoint?: string) {
    const { systemId, dataDir, databases, timeZone, storeUrl } = host;
    const settings = { systemId, dataDir, databases, timeZone, storeUrl, uploadId: 'u1', now: NOW };
    const script = fileURLToPath(new URL('./sync-host.mjs', import.meta.url));
    const { AKOSHA_FAIL_POINT: _none, ...environment } = process.env;
    return spawnSync(process.execPath, [script, JSON.stringify(settings)], {
      env: failPoint === undefined ? environment : { ...environment, AKOSHA_FAIL_POINT: failPoint },
      encoding: 'utf8',
    });
  }

  const shortKeys = async (host: TestHost): Promise<string[]> =>
    (await keysOf(host.uploads))
      .map((key) => (key.startsWith('inbox/') ? 'inbox' : key.slice(key.lastIndexOf('/') + 1)))
      .sort();

  async function undisturbed(): Promise<{ keys: string[]; manifest: Record<string, unknown> }> {
    const host = await makeHost();
    await syncDirectly(host, { uploadId: 'u1' });
    return { keys: await keysOf(host.uploads), manifest: await jsonOf(host.uploads, manifestKey(REF)) };
  }

  it('covers every fail point of an upload', () => {
    expect([...READER_KILLED_AT, ...Object.keys(KILLED_AT)].sort()).toEqual(
      FAIL_POINTS.filter((name) => name.startsWith('upload.')).sort(),
    );
  });

  it.each(Object.entries(KILLED_AT))(
    'at %s is delivered once, as if nothing had happened',
    async (failPoint, standing) => {
      const host = await makeHost();
      expect(run(host, failPoint).signal).toBe('SIGKILL');
      expect(await shortKeys(host)).toEqual(standing);
      const again = run(host);
      expect(again).toMatchObject({ status: 0, stderr: '' });
      const { result } = JSON.parse(again.stdout);
      expect(result).toMatchObject({
        upload: { uploadId: 'u1' },
        filesUploaded: ['reflection.duckdb', 'knowledge_graph.duckdb'],
        earlier: [],
      });
      const expected = await undisturbed();
      expect(await keysOf(host.uploads)).toEqual(expected.keys);
      // Killed between its number and its place in the queue, an upload leaves a gap.
      const order = failPoint === 'upload.after-snapshot' ? 2 : 1;
      expect(await jsonOf(host.uploads, manifestKey(REF))).toEqual({ ...expected.manifest, order });
      expect(await new Outbox(host).list()).toEqual([]);
      expect(await syncDirectly(host, { uploadId: 'u2' })).toMatchObject({
        upload: { order: order + 1, previousOrder: order },
      });
    },
  );

  it.each(READER_KILLED_AT)('in its reader at %s goes on with a fresh one', async (failPoint) => {
    const host = await makeHost();
    const first = run(host, failPoint);
    expect(first).toMatchObject({ status: 0, stderr: '' });
    expect(JSON.parse(first.stdout)).toMatchObject({
      warnings: ['a reader failed over a database; trying once more'],
    });
    const expected = await undisturbed();
    expect(await keysOf(host.uploads)).toEqual(expected.keys);
    expect(await jsonOf(host.uploads, manifestKey(REF))).toEqual(expected.manifest);
  });
});

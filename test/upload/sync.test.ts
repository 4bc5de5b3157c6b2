import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { AkoshaError, manifestKey } from '../../src/contract/index.js';
import { FAIL_POINTS } from '../../src/faults/index.js';
import { prepareUpload, syncDirectly } from '../../src/upload/index.js';
import {
  emptyManifest,
  jsonOf,
  keysOf,
  makeHost,
  makeSmallHost,
  manifestIn,
  NOW,
  reopened,
  waitingIn,
  withFault,
  withUploads,
  type TestHost,
} from './support.js';

const REF = { systemId: 'host-1', uploadId: 'u1' };

it('takes a snapshot, and sends it in place of those that still waited', async () => {
  const host = await makeSmallHost();
  await prepareUpload(host, { uploadId: 'b' });
  await prepareUpload(host, { uploadId: 'a' });
  const { upload, deliveries } = await syncDirectly(host, { uploadId: 'c' });
  expect(upload).toMatchObject({ status: 'prepared', uploadId: 'c' });
  expect(deliveries).toMatchObject([{ uploadId: 'c', method: 'cloud' }]);
  expect(await jsonOf(host.uploads, manifestKey({ systemId: 'host-1', uploadId: 'c' }))).toMatchObject({
    order: 3,
    previous_order: null,
  });
  expect(await waitingIn(host)).toEqual([]);
});

it('leaves what cannot be delivered in the outbox', async () => {
  const host = await makeSmallHost();
  const uploads = withFault(host.uploads, (method) => {
    if (method === 'putFile') throw new AkoshaError('ObjectStoreUnavailable', 'away');
  });
  await expect(syncDirectly(withUploads(host, uploads), { uploadId: 'b' })).rejects.toMatchObject({
    type: 'HybridSyncError',
  });
  expect(await waitingIn(host)).toEqual(['b']);
});

it('drops an earlier upload whose id was taken by another host, and goes on', async () => {
  const host = await makeSmallHost();
  await prepareUpload(host, { uploadId: 'a' });
  // Some of it was sent, so it is not dropped for the newer one.
  host.outbox.rows.begun('a');
  const ref = { systemId: 'host-1', uploadId: 'a' };
  await host.uploads.put(manifestKey(ref), emptyManifest(ref, { order: 7 }));
  const { deliveries } = await syncDirectly(host, { uploadId: 'b' });
  expect(deliveries).toMatchObject([{ uploadId: 'b' }]);
  expect(await jsonOf(host.uploads, manifestKey({ ...ref, uploadId: 'b' }))).toMatchObject({
    order: 8,
    previous_order: 7,
  });
  expect(host.warnings).toEqual([expect.stringContaining('dropping an upload from the outbox')]);
  expect(await waitingIn(host)).toEqual([]);
});

it('raises where its own id was taken while it was being sent', async () => {
  const host = await makeSmallHost();
  const ref = { systemId: 'host-1', uploadId: 'a' };
  await prepareUpload(host, { uploadId: 'a' });
  await host.uploads.put(manifestKey(ref), emptyManifest(ref, { order: 7 }));
  await expect(syncDirectly(host, { uploadId: 'a' })).rejects.toMatchObject({ type: 'UploadReplaced' });
  expect(await waitingIn(host)).toEqual([]);
});

describe('a sync that was killed and repeated', () => {
  /** Where the process itself is killed, and how far the first try came: what stands in the bucket then. */
  const KILLED_AT = {
    'upload.after-claim': [],
    'upload.after-snapshot': [],
    'upload.after-files-commit': [],
    'upload.before-files': [],
    'upload.after-first-file': ['reflection.duckdb'],
    'upload.after-files': ['knowledge_graph.duckdb', 'reflection.duckdb'],
    'upload.after-manifest': ['knowledge_graph.duckdb', 'manifest.json', 'reflection.duckdb'],
    'upload.after-inbox': ['inbox', 'knowledge_graph.duckdb', 'manifest.json', 'reflection.duckdb'],
    'upload.after-delivered': ['inbox', 'knowledge_graph.duckdb', 'manifest.json', 'reflection.duckdb'],
    'upload.after-outbox': ['inbox', 'knowledge_graph.duckdb', 'manifest.json', 'reflection.duckdb'],
  };

  /** Where a reader is killed: the sync sees it, and goes on with a fresh one. */
  const READER_KILLED_AT = ['upload.after-copy', 'upload.after-fold'];

  function run(host: TestHost, failPoint: string) {
    const { systemId, dataDir, databases, timeZone, storeUrl } = host;
    const settings = { systemId, dataDir, databases, timeZone, storeUrl, uploadId: 'u1', now: NOW };
    const script = fileURLToPath(new URL('./sync-host.mjs', import.meta.url));
    return spawnSync(process.execPath, [script, JSON.stringify(settings)], {
      env: { ...process.env, AKOSHA_FAIL_POINT: failPoint },
      encoding: 'utf8',
    });
  }

  const shortKeys = async (host: TestHost): Promise<string[]> =>
    (await keysOf(host.uploads))
      .map((key) => (key.startsWith('inbox/') ? 'inbox' : key.slice(key.lastIndexOf('/') + 1)))
      .sort();

  interface Standing {
    keys: string[];
    manifest: Record<string, unknown>;
  }

  let known: Standing | undefined;

  /** What stands in the bucket where nothing was killed: the same each time, so it is made once. */
  async function undisturbed(): Promise<Standing> {
    if (known !== undefined) return known;
    const host = await makeHost();
    await syncDirectly(host, { uploadId: 'u1' });
    known = { keys: await keysOf(host.uploads), manifest: await jsonOf(host.uploads, manifestKey(REF)) };
    return known;
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
      const { upload, deliveries } = await syncDirectly(reopened(host), { uploadId: 'u1' });
      expect(upload).toMatchObject({ uploadId: 'u1', files: 2 });
      const closed = ['upload.after-delivered', 'upload.after-outbox'].includes(failPoint);
      expect(deliveries).toHaveLength(closed ? 0 : 1);
      expect(host.warnings).toEqual([]);
      const expected = await undisturbed();
      expect(await keysOf(host.uploads)).toEqual(expected.keys);
      // Killed between its number and its place in the queue, an upload leaves a gap.
      const order = failPoint === 'upload.after-snapshot' ? 2 : 1;
      expect(await jsonOf(host.uploads, manifestKey(REF))).toEqual({ ...expected.manifest, order });
      expect(await waitingIn(host)).toEqual([]);
      await prepareUpload(host, { uploadId: 'u2' });
      expect(await manifestIn(host, 'u2')).toMatchObject({ order: order + 1, previousOrder: order });
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

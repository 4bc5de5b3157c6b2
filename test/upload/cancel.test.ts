import { expect, it } from 'vitest';
import { AkoshaError, manifestKey, uploadPrefix } from '../../src/contract/index.js';
import { cancelUploads, deliverUpload, prepareUpload, readOutbox } from '../../src/upload/index.js';
import { keysOf, makeSmallHost, waitingIn, withFault, withUploads } from './support.js';

const REF = { systemId: 'host-1', uploadId: 'a' };

it('ends what waits, clears away what was sent, and says so to all who asked', async () => {
  const host = await makeSmallHost();
  const { rows } = host.outbox;
  const first = rows.addRequest({ trigger: 'sync' });
  await prepareUpload(host, { uploadId: 'a' });
  const caller = new AbortController();
  const delivery = deliverUpload(host, 'a', {
    signal: caller.signal,
    onProgress: ({ done }) => done === 1 && caller.abort(),
  });
  await expect(delivery).rejects.toMatchObject({ type: 'Cancelled' });
  expect(rows.upload('a')).toMatchObject({ state: 'prepared', attempts: 0, begun: true });
  expect(await keysOf(host.uploads)).toEqual([`${uploadPrefix(REF)}notes.duckdb`]);
  const second = rows.addRequest({ trigger: 'session-end' });

  await cancelUploads(host, 'b', undefined);
  expect(await keysOf(host.uploads)).toEqual([]);
  expect(await waitingIn(host)).toEqual([]);
  expect(await readOutbox(host, undefined)).toEqual({ uploads: [], requested: false });
  expect(rows.request(first)?.uploadId).toBe('a');
  expect(rows.request(second)?.uploadId).toBe('a');
  expect(rows.upload('a')?.state).toBe('cancelled');
  await expect(deliverUpload(host, 'a')).rejects.toMatchObject({
    type: 'BadRequest',
    message: expect.stringContaining('was cancelled'),
  });

  // Whoever asks again gets everything.
  expect(await prepareUpload(host, { uploadId: 'c' })).toMatchObject({ status: 'prepared', files: 2 });
});

it('ends requests that no snapshot has taken up', async () => {
  const host = await makeSmallHost();
  const requestId = host.outbox.rows.addRequest({ trigger: 'sync' });
  await cancelUploads(host, 'a', undefined);
  expect(host.outbox.rows.request(requestId)?.uploadId).toBe('a');
  expect(host.outbox.rows.upload('a')?.state).toBe('cancelled');
});

it('comes too late for an upload whose manifest stands', async () => {
  const host = await makeSmallHost();
  await prepareUpload(host, { uploadId: 'a' });
  await deliverUpload(host, 'a');
  await cancelUploads(host, 'a', undefined);
  expect(await host.uploads.head(manifestKey(REF))).toBeDefined();
  expect(host.outbox.rows.upload('a')?.state).toBe('delivered');
  expect(await waitingIn(host)).toEqual([]);
});

it('does not wait for an object store that is away', async () => {
  const host = await makeSmallHost();
  await prepareUpload(host, { uploadId: 'a' });
  const uploads = withFault(host.uploads, () => {
    throw new AkoshaError('ObjectStoreUnavailable', 'away');
  });
  await cancelUploads(withUploads(host, uploads), 'a', undefined);
  expect(host.outbox.rows.upload('a')?.state).toBe('cancelled');
  expect(host.warnings).toEqual([expect.stringContaining('is not cleared away')]);
});

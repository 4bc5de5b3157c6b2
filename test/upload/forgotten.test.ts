import { expect, it } from 'vitest';
import { AkoshaError, forgottenSystemKey } from '../../src/contract/index.js';
import { deliverUpload, prepareUpload } from '../../src/upload/index.js';
import { keysOf, makeHost, waitingIn, withFault, withUploads } from './support.js';

const FORGOTTEN = forgottenSystemKey('host-1');

it('deletes what waits once its system is forgotten, sends nothing, and takes no snapshot until that is lifted', async () => {
  const host = await makeHost();
  await prepareUpload(host, { uploadId: 'u1' });
  await host.uploads.put(FORGOTTEN, '{}');
  await expect(deliverUpload(host, 'u1')).rejects.toMatchObject({ type: 'SystemForgotten' });
  expect(await waitingIn(host)).toEqual([]);
  expect(host.outbox.rows.upload('u1')).toMatchObject({ state: 'failed' });
  expect(await keysOf(host.uploads)).toEqual([FORGOTTEN]);
  await expect(prepareUpload(host, { uploadId: 'u2' })).rejects.toMatchObject({ type: 'SystemForgotten' });
  expect(await waitingIn(host)).toEqual([]);
  expect(host.outbox.rows.next()).toBeUndefined();

  await host.uploads.delete([FORGOTTEN]);
  expect(await prepareUpload(host, { uploadId: 'u3' })).toMatchObject({ status: 'prepared' });
});

it('sends what it has where it may not look: the server refuses it', async () => {
  const made = await makeHost();
  const blind = withFault(made.uploads, (method, key) => {
    if (method === 'head' && key === FORGOTTEN) throw new AkoshaError('ObjectStoreRefused', 'injected');
  });
  const host = withUploads(made, blind);
  await made.uploads.put(FORGOTTEN, '{}');
  await prepareUpload(host, { uploadId: 'u1' });
  expect(await deliverUpload(host, 'u1')).toMatchObject({ uploadId: 'u1', method: 'cloud' });
});

import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { AkoshaError, NO_ROWS, receiptKey } from '../../src/contract/index.js';
import { readReceipt, waitForReceipt } from '../../src/upload/index.js';
import { makeHost, receiptOf, withFault } from './support.js';

const REF = { systemId: 'host-1', uploadId: 'u1' };
const RECEIPT = receiptOf(REF, { rows: { ...NO_ROWS, new: 1 } });

it('reads a receipt, and none where there is none', async () => {
  const { uploads } = await makeHost();
  expect(await readReceipt(uploads, REF)).toBeUndefined();
  await uploads.put(receiptKey(REF), JSON.stringify(RECEIPT));
  expect(await readReceipt(uploads, REF)).toEqual(RECEIPT);
});

it('waits until it is there', async () => {
  const { uploads } = await makeHost();
  const waiting = waitForReceipt(uploads, REF, { timeoutMs: 10_000 });
  await sleep(250);
  await uploads.put(receiptKey(REF), JSON.stringify(RECEIPT));
  expect(await waiting).toEqual(RECEIPT);
});

it('waits no longer than asked, and looks less and less often', async () => {
  const { uploads } = await makeHost();
  let looks = 0;
  const counted = withFault(uploads, () => (looks += 1));
  const begun = performance.now();
  expect(await waitForReceipt(counted, REF, { timeoutMs: 1000 })).toBeUndefined();
  expect(performance.now() - begun).toBeGreaterThanOrEqual(995);
  // At 0, 100, 250, 475, 812 and 1000 ms, or later on a busy machine; a timer that is a moment early makes for one more.
  expect(looks).toBeGreaterThanOrEqual(3);
  expect(looks).toBeLessThanOrEqual(7);
});

it('waits through an outage of the object store, but not through a refusal', async () => {
  const { uploads } = await makeHost();
  await uploads.put(receiptKey(REF), JSON.stringify(RECEIPT));
  let failures = 2;
  const flaky = withFault(uploads, () => {
    if (failures-- > 0) throw new AkoshaError('ObjectStoreUnavailable', 'away');
  });
  expect(await waitForReceipt(flaky, REF, { timeoutMs: 5000 })).toEqual(RECEIPT);
  const refused = withFault(uploads, () => {
    throw new AkoshaError('ObjectStoreRefused', 'no');
  });
  await expect(waitForReceipt(refused, REF, { timeoutMs: 5000 })).rejects.toMatchObject({
    type: 'ObjectStoreRefused',
  });
});

it('stops waiting when the caller gives up', async () => {
  const { uploads } = await makeHost();
  const waiting = waitForReceipt(uploads, REF, { timeoutMs: 60_000, signal: AbortSignal.timeout(200) });
  await expect(waiting).rejects.toMatchObject({ type: 'Cancelled' });
});

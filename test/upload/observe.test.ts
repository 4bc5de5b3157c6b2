import { expect, it, onTestFinished } from 'vitest';
import { Outbox } from '../../src/upload/outbox/outbox.js';
import { SyncObserver } from '../../src/upload/index.js';
import { temporaryFolder } from '../reader/support.js';

const START = Date.parse('2026-11-22T12:00:00Z');
const CONTENTS = { timeZone: 'UTC', databases: [], omitted: [] };

async function openWorld(): Promise<{ outbox: Outbox; pass: (ms: number) => void }> {
  let now = START;
  const outbox = new Outbox({ dataDir: await temporaryFolder(), now: () => now });
  onTestFinished(() => outbox.close());
  return { outbox, pass: (ms) => void (now += ms) };
}

it('each sync that ends is told of once, also of several in one instant, and none of before', async () => {
  const { outbox, pass } = await openWorld();
  const { rows } = outbox;
  rows.cancelled('before', 's');
  const observer = new SyncObserver(outbox);
  rows.addRequest({ trigger: 'sync' });
  pass(1_000);
  rows.begin('a', 's');
  rows.prepared('a', { order: 1, files: 1, bytes: 7, contents: CONTENTS });
  rows.acknowledged('a', 'http', 9);
  pass(3_000);
  rows.delivered('a');
  expect(observer.takeEnded()).toEqual([{ outcome: 'delivered', method: 'http', bytes: 9, seconds: 4 }]);
  rows.cancelled('b', 's');
  expect(observer.takeEnded()).toMatchObject([{ outcome: 'cancelled', method: 'none' }]);
  expect(observer.takeEnded()).toEqual([]);
  // The clock is set back.
  pass(-60_000);
  rows.cancelled('c', 's');
  expect(observer.takeEnded()).toMatchObject([{ outcome: 'cancelled' }]);
});

it('a snapshot that another one replaces is no end of a sync', async () => {
  const { outbox } = await openWorld();
  const observer = new SyncObserver(outbox);
  outbox.rows.begin('a', 's');
  outbox.rows.replaced('a', 'its files were lost');
  expect(observer.takeEnded()).toEqual([]);
});

it('what waits is told with the age of the oldest', async () => {
  const { outbox, pass } = await openWorld();
  const { rows } = outbox;
  const observer = new SyncObserver(outbox);
  expect(observer.standing()).toEqual({ requests: 0, uploads: 0, oldestAgeSeconds: 0, lastSuccessAt: null });
  rows.begin('a', 's');
  pass(5_000);
  rows.addRequest({ trigger: 'sync' });
  pass(2_000);
  expect(observer.standing()).toMatchObject({ requests: 1, uploads: 1, oldestAgeSeconds: 7 });
  rows.delivered('a');
  expect(observer.standing()).toMatchObject({
    uploads: 0,
    oldestAgeSeconds: 2,
    lastSuccessAt: START / 1000 + 7,
  });
});

import { expect, it } from 'vitest';
import { ScanTurns } from '../../src/store/embedded/scan-turns.js';

/** A scan that ends when it is told to, and says that it began. */
function heldScan() {
  let end = (): void => undefined;
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  const scan = { begun: false, end, run: (): Promise<void> => ((scan.begun = true), ended) };
  return scan;
}

it('scans run one at a time, in order, and a failed one gives its turn on', async () => {
  const turns = new ScanTurns();
  const scans = [heldScan(), heldScan(), heldScan()] as const;
  const first = turns.take(scans[0].run);
  const failing = turns.take(() => Promise.reject(new Error('torn')));
  const third = turns.take(scans[2].run);
  // Comes just when the turn is given on: it waits behind the third.
  const late = first.then(() => turns.take(scans[1].run));
  expect(scans.map(({ begun }) => begun)).toEqual([true, false, false]);
  scans[0].end();
  await expect(failing).rejects.toThrow('torn');
  await expect.poll(() => scans[2].begun).toBe(true);
  expect(scans[1].begun).toBe(false);
  scans[2].end();
  await third;
  scans[1].end();
  await late;
  expect(scans[1].begun).toBe(true);
});

it('one that does not get its turn in time, or whose caller gives up, is never begun and holds up nobody', async () => {
  const turns = new ScanTurns();
  const held = heldScan();
  const running = turns.take(held.run);
  const late = heldScan();
  await expect(turns.take(late.run, { waitMs: 20 })).rejects.toMatchObject({
    type: 'StoreBusy',
    message: expect.stringMatching(/within 0\.0 s .*\(waiting: 1\).*AKOSHA_SEARCH_TIMEOUT_SECONDS/),
  });
  const caller = new AbortController();
  const left = turns.take(late.run, { waitMs: 60_000, signal: caller.signal });
  const behind = turns.take(() => Promise.resolve('done'), { waitMs: 60_000 });
  caller.abort();
  await expect(left).rejects.toMatchObject({ type: 'Cancelled' });
  held.end();
  await running;
  expect(await behind).toBe('done');
  expect(late.begun).toBe(false);
});

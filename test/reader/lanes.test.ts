import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, expect, it, vi } from 'vitest';
import { AkoshaError } from '../../src/contract/index.js';
import { Lanes } from '../../src/reader/lanes.js';
import { isMachineFault } from '../../src/reader/reader-failed.js';

const AFTER_MS = 150;

interface Held {
  began: string[];
  /** Ends the running job of that name. */
  end: (name: string) => void;
}

let held: Held;
let lanes: Lanes;
const onSlow = vi.fn<(owner: string) => void>();
const ends = new Map<string, () => void>();

beforeEach(() => {
  ends.clear();
  onSlow.mockReset();
  held = { began: [], end: (name) => ends.get(name)?.() };
  lanes = new Lanes({ size: 2, slow: { afterMs: AFTER_MS, size: 1, waiting: 2, onSlow } });
});

/** A job that runs until it is ended or has to stop, as a reader does. */
function job(name: string, signal?: AbortSignal, owner: string | null = name): Promise<string> {
  return lanes.run(owner ?? undefined, signal, (stop, begin) => {
    held.began.push(name);
    begin();
    return new Promise<string>((resolve, reject) => {
      ends.set(name, () => resolve(`${name} done`));
      const failed = (): void => reject(new AkoshaError('Cancelled', `${name} stopped`));
      if (stop.aborted) failed();
      stop.addEventListener('abort', failed, { once: true });
    });
  });
}

async function begun(...names: string[]): Promise<void> {
  await vi.waitFor(() => expect(held.began).toEqual(names), { interval: 5 });
}

it('runs as many at once as there are places, the others in their order', async () => {
  const jobs = ['a', 'b', 'c', 'd'].map((name) => job(name));
  await begun('a', 'b');
  held.end('b');
  await begun('a', 'b', 'c');
  for (const name of ['a', 'c']) held.end(name);
  await begun('a', 'b', 'c', 'd');
  held.end('d');
  expect(await Promise.all(jobs)).toEqual(['a done', 'b done', 'c done', 'd done']);
  expect(onSlow).not.toHaveBeenCalled();
});

it('leaves what takes long where it is as long as nobody waits', async () => {
  const jobs = [job('a'), job('b')];
  await begun('a', 'b');
  await sleep(AFTER_MS * 2);
  held.end('a');
  held.end('b');
  await Promise.all(jobs);
  expect([held.began, onSlow.mock.calls]).toEqual([['a', 'b'], []]);
});

it('lets what takes long go on in the slow lane, and begins the second of it anew there', async () => {
  const slow = [job('slow-1'), job('slow-2')];
  const waiting = [job('c'), job('d')];
  await begun('slow-1', 'slow-2', 'c', 'd');
  expect(onSlow.mock.calls).toEqual([['slow-1'], ['slow-2']]);
  held.end('c');
  held.end('d');
  expect(await Promise.all(waiting)).toEqual(['c done', 'd done']);
  held.end('slow-1');
  await begun('slow-1', 'slow-2', 'c', 'd', 'slow-2');
  held.end('slow-2');
  expect(await Promise.all(slow)).toEqual(['slow-1 done', 'slow-2 done']);
});

/** Leaves `owner` known as slow, nothing running. */
async function makeSlow(owner: string): Promise<void> {
  const slow = job('first', undefined, owner);
  const others = [job('x'), job('y')];
  await vi.waitFor(() => expect(held.began).toContain('y'), { interval: 5 });
  for (const name of ['x', 'y', 'first']) held.end(name);
  await Promise.all([slow, ...others]);
  held.began.length = 0;
}

it('has the next of a slow owner give way at once, until one was quick', async () => {
  await makeSlow('noisy');
  const first = job('noisy-1', undefined, 'noisy');
  const second = job('noisy-2', undefined, 'noisy');
  await begun('noisy-1', 'noisy-2');
  const others = [job('a'), job('b')];
  // Of the two it had, one was in the quick lane as a guest.
  await begun('noisy-1', 'noisy-2', 'a', 'b');
  held.end('noisy-1');
  await begun('noisy-1', 'noisy-2', 'a', 'b', 'noisy-2');
  held.end('noisy-2');
  for (const name of ['a', 'b']) held.end(name);
  await Promise.all([first, second, ...others]);
  // It is quick again, and keeps its place.
  held.began.length = 0;
  const quick = [job('noisy-3', undefined, 'noisy'), job('noisy-4', undefined, 'noisy')];
  const late = job('late');
  await begun('noisy-3', 'noisy-4');
  for (const name of ['noisy-3', 'noisy-4']) held.end(name);
  await begun('noisy-3', 'noisy-4', 'late');
  held.end('late');
  await Promise.all([...quick, late]);
});

it('leaves no place idle where all are slow', async () => {
  await makeSlow('noisy');
  const jobs = ['1', '2', '3', '4'].map((name) => job(name, undefined, 'noisy'));
  await begun('1', '2', '3');
  for (const name of ['1', '2', '3']) held.end(name);
  await begun('1', '2', '3', '4');
  held.end('4');
  await Promise.all(jobs);
});

it('sends away what is slow where too many of it wait: a fault of the machine, not of the upload', async () => {
  await makeSlow('noisy');
  const others = [job('a', undefined, null), job('b', undefined, null)];
  const jobs = ['1', '2', '3'].map((name) => job(name, undefined, 'noisy'));
  const error: unknown = await job('4', undefined, 'noisy').catch((reason: unknown) => reason);
  expect(error).toMatchObject({
    type: 'ReaderFailed',
    message: expect.stringMatching(/^2 uploads that take long/),
  });
  expect(isMachineFault(error)).toBe(true);
  for (const name of ['a', 'b', '1']) held.end(name);
  await begun('a', 'b', '1', '2', '3');
  for (const name of ['2', '3']) held.end(name);
  await Promise.all([...others, ...jobs]);
});

it('never has a job without an owner give way', async () => {
  const own = [job('a', undefined, null), job('b', undefined, null)];
  const other = job('c');
  await sleep(AFTER_MS * 2);
  expect(held.began).toEqual(['a', 'b']);
  for (const name of ['a', 'b']) held.end(name);
  await begun('a', 'b', 'c');
  held.end('c');
  await Promise.all([...own, other]);
  expect(onSlow).not.toHaveBeenCalled();
});

it('ends the wait of who gave up, and of all when told', async () => {
  const running = [job('a'), job('b')];
  const caller = new AbortController();
  const gone = job('gone', caller.signal);
  const refused = job('refused');
  caller.abort();
  await expect(gone).rejects.toMatchObject({ type: 'Cancelled' });
  lanes.refuse(new AkoshaError('Cancelled', 'closed'));
  await expect(refused).rejects.toMatchObject({ message: 'closed' });
  await expect(job('late', caller.signal)).rejects.toMatchObject({ type: 'Cancelled' });
  for (const name of ['a', 'b']) held.end(name);
  await Promise.all(running);
  expect(held.began).toEqual(['a', 'b']);
});

it('counts no time before a job begins', async () => {
  const starting = lanes.run('a', undefined, () => sleep(AFTER_MS * 3).then(() => 'started'));
  const others = [job('b'), job('c')];
  expect(await starting).toBe('started');
  for (const name of ['b', 'c']) held.end(name);
  await vi.waitFor(() => expect(held.began).toContain('c'));
  held.end('c');
  await Promise.all(others);
  expect(onSlow.mock.calls.flat()).not.toContain('a');
});

it('tells a caller that gives up so, and does not begin its job anew', async () => {
  const caller = new AbortController();
  const running = job('a', caller.signal);
  await begun('a');
  caller.abort();
  await expect(running).rejects.toMatchObject({ type: 'Cancelled', message: 'a stopped' });
  expect(held.began).toEqual(['a']);
});

import { expect, it } from 'vitest';
import { logEarlyEnds } from '../../src/processes/early-ends.js';

it('logs a part that fails before the stop, once and by its name, and lives on', async () => {
  const logged: unknown[] = [];
  const log = { error: (details: object) => void logged.push(details) };
  const stopping = new AbortController();
  const fault = new Error('injected');
  let failLate: (error: Error) => void = () => undefined;
  const late = new Promise<void>((_resolve, reject) => (failLate = reject));
  logEarlyEnds(
    { 'inbox poll': Promise.resolve(), 'outage watch': Promise.reject(fault), late },
    log,
    stopping.signal,
  );
  await new Promise(setImmediate);
  stopping.abort();
  failLate(new Error('after the stop'));
  // Long enough for Node to end a process over a rejection that nobody handled.
  await new Promise(setImmediate);
  expect(logged).toEqual([{ err: fault, loop: 'outage watch' }]);
});

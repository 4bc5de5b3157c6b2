import { setImmediate } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { logFields, withLogFields } from '../../src/runtime/index.js';

it('are those of everything that is under way around the caller, the innermost winning', async () => {
  const seen = await withLogFields({ systemId: 'a', uploadId: 'outer' }, () =>
    withLogFields({ uploadId: 'inner' }, async () => {
      await setImmediate();
      return logFields();
    }),
  );
  expect(seen).toEqual({ systemId: 'a', uploadId: 'inner' });
  expect(logFields()).toEqual({});
});

it('keep what runs at the same time apart', async () => {
  const one = async (systemId: string) =>
    withLogFields({ systemId }, async () => {
      await setImmediate();
      return logFields().systemId;
    });
  expect(await Promise.all([one('a'), one('b')])).toEqual(['a', 'b']);
});

it('are given as an object of the caller’s own', () => {
  withLogFields({ systemId: 'a' }, () => {
    Object.assign(logFields(), { systemId: 'b' });
    expect(logFields()).toEqual({ systemId: 'a' });
  });
});

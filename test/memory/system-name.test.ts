import { describe, expect, it } from 'vitest';
import { escapeSystemId, escapeUploadId, isSystemId, unescapeSystemId } from '../../src/memory/index.js';

/** Numbers that look random and are the same in every run (mulberry32). */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

/** What makes names that could meet: the pieces of escapes beside what has to be escaped. */
const PIECES = [
  'x--',
  '_',
  '__',
  '-',
  '.',
  '2E',
  '_2E',
  'a',
  'A',
  '0',
  ' ',
  '@',
  '/',
  'é',
  'e\u0301',
  '日',
  '🙂',
  '\0',
  'x',
  '%',
];

function randomNames(count: number, maxPieces: number): string[] {
  const next = random(7);
  const names = new Set<string>();
  while (names.size < count) {
    names.add(Array.from({ length: 1 + next(maxPieces) }, () => PIECES[next(PIECES.length)]).join(''));
  }
  return [...names];
}

const NAMES = [...randomNames(20_000, 6), ...randomNames(2_000, 120)];

describe('the id of a system', () => {
  it.each([
    ['laptop', 'laptop'],
    ['ci_bot-7', 'ci_bot-7'],
    ['a'.repeat(100), 'a'.repeat(100)],
    ['x-ray', 'x-ray'],
    ['laptop.local', 'x--laptop_2Elocal'],
    ['Les’s Mac', 'x--Les_E2_80_99s_20Mac'],
    ['my_host.lan', 'x--my_5Fhost_2Elan'],
    ['x--laptop_2Elocal', 'x--x--laptop_5F2Elocal'],
    ['x--', 'x--x--'],
    ['.', 'x--_2E'],
  ])('%s is %s', (name, id) => {
    expect(escapeSystemId(name)).toBe(id);
    expect(unescapeSystemId(id)).toBe(name);
  });

  it('is of 1 to 100 letters, digits, "_" and "-", whatever the name', () => {
    expect(NAMES.filter((name) => !/^[A-Za-z0-9_-]{1,100}$/.test(escapeSystemId(name)))).toEqual([]);
  });

  it('is shared by no two names', () => {
    const names = new Set(NAMES);
    expect(new Set([...names].map(escapeSystemId)).size).toBe(names.size);
  });

  it('leads back to the name, or says that it was cut', () => {
    const cut = NAMES.filter((name) => unescapeSystemId(escapeSystemId(name)) !== name);
    expect(cut.length).toBeGreaterThan(100);
    const odd = cut.filter((name) => {
      const id = escapeSystemId(name);
      return !/^x--.*[^_]__[0-9a-f]{32}$/.test(id) || unescapeSystemId(id) !== undefined;
    });
    expect(odd).toEqual([]);
    expect(NAMES.filter((name) => !isSystemId(escapeSystemId(name)))).toEqual([]);
  });

  it('of a name that is too long is its beginning with a hash', () => {
    const long = 'b'.repeat(101);
    expect(escapeSystemId(long)).toMatch(/^x--b{63}__[0-9a-f]{32}$/);
    expect(escapeSystemId(`${long}c`)).not.toBe(escapeSystemId(long));
    // Never in the middle of an escaped byte.
    for (let n = 0; n < 4; n++) {
      expect(escapeSystemId('.'.repeat(40) + 'b'.repeat(n))).toMatch(/^x--(?:_2E){21}__[0-9a-f]{32}$/);
      expect(escapeSystemId('b'.repeat(n) + '.'.repeat(40))).toMatch(/^x--b*(?:_2E)+__[0-9a-f]{32}$/);
    }
    // What could be the id of a long name is no plain one.
    const id = escapeSystemId(long);
    expect(escapeSystemId(id)).not.toBe(id);
  });

  it.each(['', 'lone \ud800 surrogate'])('there is none for %j', (name) => {
    expect(() => escapeSystemId(name)).toThrow(expect.objectContaining({ type: 'BadRequest' }));
  });
});

describe('what is no id', () => {
  it.each([
    ['', 'nothing'],
    ['laptop.local', 'a name with a dot'],
    ['a'.repeat(101), 'one that is too long'],
    ['x--laptop', 'an escape that escapes nothing'],
    ['x--laptop_2elocal', 'lower-case digits'],
    ['x--_41.', 'an escape with a dot'],
    ['x--_41', 'an escaped letter'],
    ['x--_FF', 'bytes that are no UTF-8'],
    ['x--a_2', 'half an escape'],
    ['x--a__0123', 'a short hash'],
  ])('%s: %s', (text) => {
    expect(isSystemId(text)).toBe(false);
    expect(unescapeSystemId(text)).toBeUndefined();
  });

  it('is told from what is one: text is an id where some name has it', () => {
    for (const name of NAMES) {
      const back = unescapeSystemId(name);
      if (back !== undefined) expect(escapeSystemId(back)).toBe(name);
    }
  });
});

describe('the id of an upload', () => {
  it.each([
    ['20261122_120850_laptop.local', '20261122_120850_laptop.local'],
    ['01JD000000000000000000000A', '01JD000000000000000000000A'],
    ['20261122_120850_Les’s Mac', 'x--20261122_5F120850_5FLes_E2_80_99s_20Mac'],
    ['.hidden', 'x--_2Ehidden'],
  ])('%s is %s', (name, id) => {
    expect(escapeUploadId(name)).toBe(id);
  });

  it('is of at most 128 characters that a key and a file name can have, and shared by no two names', () => {
    const ids = NAMES.map(escapeUploadId);
    expect(ids.filter((id) => !/^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,127}$/.test(id))).toEqual([]);
    expect(new Set(ids).size).toBe(new Set(NAMES).size);
  });
});

import { describe, expect, it } from 'vitest';
import { cutoff, ingestTier, tierOf } from '../../src/memory/index.js';

const AS_OF = Date.parse('2026-11-22T12:00:00Z');
const AGES = { hotDays: 7, warmDays: 90 };
const DAY = 86_400_000;

describe('the tier of a memory by its own time', () => {
  it.each([
    ['in the future', 1, 'hot'],
    ['new', 0, 'hot'],
    ['a millisecond short of 7 days', -7 * DAY + 1, 'hot'],
    ['exactly 7 days', -7 * DAY, 'warm'],
    ['a millisecond over 7 days', -7 * DAY - 1, 'warm'],
    ['a millisecond short of 90 days', -90 * DAY + 1, 'warm'],
    ['exactly 90 days', -90 * DAY, 'cold'],
    ['from 1970', -AS_OF, 'cold'],
  ] as const)('%s', (_age, offset, tier) => {
    expect(tierOf(AS_OF + offset, AS_OF, AGES)).toBe(tier);
  });

  it('puts a new row in hot or warm, and an old one never in cold', () => {
    expect(ingestTier(AS_OF - 7 * DAY + 1, AS_OF, AGES)).toBe('hot');
    expect(ingestTier(AS_OF - 7 * DAY, AS_OF, AGES)).toBe('warm');
    expect(ingestTier(AS_OF - 400 * DAY, AS_OF, AGES)).toBe('warm');
  });

  it('agrees with the cutoff that transitions select by', () => {
    for (const tier of ['hot', 'warm'] as const) {
      const at = cutoff(tier, AS_OF, AGES);
      expect(tierOf(at, AS_OF, AGES)).not.toBe(tier);
      expect(tierOf(at + 1, AS_OF, AGES)).toBe(tier);
    }
  });

  it('follows the ages it is given', () => {
    expect(tierOf(AS_OF - 2 * DAY, AS_OF, { hotDays: 1, warmDays: 3 })).toBe('warm');
    expect(tierOf(AS_OF - 3 * DAY, AS_OF, { hotDays: 1, warmDays: 3 })).toBe('cold');
  });
});

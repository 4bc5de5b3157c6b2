import { describe, expect, it } from 'vitest';
import { lastDue, SCHEDULES } from '../../src/schedules/index.js';

const at = (text: string): number => Date.parse(text);

describe('when a schedule fell due last', () => {
  it.each([
    ['akosha-daily-ingest', '2026-11-22T00:00:00.000Z', '2026-11-22T00:00:00Z'],
    ['akosha-daily-ingest', '2026-11-22T23:59:59.999Z', '2026-11-22T00:00:00Z'],
    ['akosha-daily-ingest', '2026-11-21T23:59:59.999Z', '2026-11-21T00:00:00Z'],
    ['akosha-tier-transition', '2026-11-22T12:00:00.000Z', '2026-11-22T12:00:00Z'],
    ['akosha-tier-transition', '2026-11-22T12:59:59.999Z', '2026-11-22T12:00:00Z'],
    ['akosha-scrub', '2026-11-21T03:20:00.000Z', '2026-11-21T03:20:00Z'],
    ['akosha-scrub', '2026-11-28T03:19:59.999Z', '2026-11-21T03:20:00Z'],
    ['akosha-restore-drill', '2026-11-28T00:00:00.000Z', '2026-11-22T03:20:00Z'],
    ['akosha-maintenance', '2026-11-22T12:59:59.999Z', '2026-11-22T12:00:00Z'],
  ])('%s at %s: %s', (id, now, due) => {
    const definition = SCHEDULES.find(({ scheduleId }) => scheduleId === id);
    if (definition === undefined) expect.fail('no such schedule');
    expect(lastDue(definition.spec, at(now))).toBe(at(due));
  });

  it('is known of every schedule in the table', () => {
    for (const { spec } of SCHEDULES) expect(lastDue(spec, Date.now())).toBeLessThanOrEqual(Date.now());
  });

  it('does not fall due before its time on the first day', () => {
    const spec = { calendars: [{ hour: 2, minute: 30 }], timezone: 'UTC' };
    expect(lastDue(spec, at('2026-11-22T02:29:00Z'))).toBe(at('2026-11-21T02:30:00Z'));
  });

  it.each([
    { calendars: [{ hour: 0, minute: 0 }] },
    { calendars: [{ hour: 0, minute: 0, dayOfWeek: ['MONDAY' as const] }], timezone: 'UTC' },
    { calendars: [{ hour: 0, minute: 0, dayOfMonth: 1 }], timezone: 'UTC' },
    { intervals: [{ every: '1h' as const }], timezone: 'UTC' },
    { intervals: [{ every: 1, offset: 1 }], timezone: 'UTC' },
    { timezone: 'UTC' },
  ])('is not guessed for %j', (spec) => {
    expect(() => lastDue(spec, 0)).toThrow('does not understand');
  });
});

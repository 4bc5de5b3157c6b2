import { describe, expect, it } from 'vitest';
import { serve } from './support.js';

const BEGUN = Date.parse('2026-11-22T12:00:00Z');

describe('the routes of tiers', () => {
  it('pause with a reason and resume', async () => {
    const reasons: string[] = [];
    const api = await serve({
      pauseTiers: (reason) => {
        reasons.push(reason);
        return Promise.resolve({ since: BEGUN, reason });
      },
      resumeTiers: () => Promise.resolve(true),
    });
    const paused = await api.post('/api/v1/tiers/pause', { reason: ' the disk ' });
    expect(await paused.json()).toEqual({ since: '2026-11-22T12:00:00.000Z', reason: 'the disk' });
    expect((await api.post('/api/v1/tiers/pause', { reason: ' ' })).status).toBe(400);
    expect(await (await api.post('/api/v1/tiers/resume', {})).json()).toEqual({ resumed: true });
    expect(reasons).toEqual(['the disk']);
  });

  it('plan as of a time', async () => {
    const asked: unknown[] = [];
    const api = await serve({
      forecastTransition: (input) => {
        asked.push(input);
        return Promise.resolve({
          asOf: BEGUN,
          rows: { toWarm: 3, toCold: 2 },
          objects: 1,
          expiring: { cutoff: BEGUN, memories: 4 },
          parts: [{ step: 'cold', systemId: 'a', month: '2026-01', rows: 2, objects: 1 }],
          partsLeftOut: 0,
        });
      },
    });
    const plan = await api.get('/api/v1/tiers/plan?as_of=2026-11-22T12:00:00Z');
    expect(await plan.json()).toEqual({
      as_of: '2026-11-22T12:00:00.000Z',
      rows: { to_warm: 3, to_cold: 2 },
      objects: 1,
      expiring: { cutoff: '2026-11-22T12:00:00.000Z', memories: 4 },
      parts: [{ step: 'cold', system_id: 'a', month: '2026-01', rows: 2, objects: 1 }],
      parts_left_out: 0,
    });
    await api.get('/api/v1/tiers/plan?all=false');
    expect(asked).toEqual([
      { asOf: BEGUN, all: true },
      { asOf: undefined, all: false },
    ]);
    expect((await api.get('/api/v1/tiers/plan?as_of=yesterday')).status).toBe(400);
  });

  it('tell what the last transitions did', async () => {
    const totals = { toWarm: 1, toCold: 0, compacted: 0, expired: 2, held: 0, objects: 0, bytes: 0 };
    const swept = { rows: 1, tables: 0, objects: 0 };
    const part = {
      step: 'warm',
      systemId: 'a',
      month: '2026-11',
      rows: 1,
      held: 0,
      objects: 0,
      bytes: 0,
    } as const;
    const report = { asOf: BEGUN, begunAt: BEGUN, swept, totals, parts: [part], partsLeftOut: 0 };
    const api = await serve({
      transitionReports: (limit) => {
        expect(limit).toBe(2);
        return Promise.resolve([
          { transitionId: 'two', ...report, endedAt: null, outcome: null },
          { transitionId: 'one', ...report, endedAt: BEGUN + 1500, outcome: 'done' },
        ]);
      },
    });
    const answer = (await (await api.get('/api/v1/tiers/transitions?limit=2')).json()) as {
      transitions: object[];
    };
    expect(answer.transitions).toMatchObject([
      { id: 'two', state: 'under way', seconds: null },
      {
        id: 'one',
        state: 'done',
        seconds: 1.5,
        rows: { to_warm: 1, expired: 2 },
        parts: [{ system_id: 'a', rows: 1 }],
      },
    ]);
    expect((await api.get('/api/v1/tiers/transitions?limit=0')).status).toBe(400);
  });
});

import { expect, it } from 'vitest';
import type { EmbeddingStatus } from '../../src/api/index.js';
import { AkoshaError } from '../../src/contract/index.js';
import { serve } from './support.js';

const STATUS: EmbeddingStatus = {
  enabled: true,
  model: 'all-MiniLM-L6-v2',
  rows_waiting: 3,
  failure: 'it is not installed',
  move: { model: 'b', since: '2026-11-22T12:00:00.000Z', rows: 9, rows_waiting: 4, failure: null },
};

it('the route tells how far a move has come, and begins one, of the setting’s model by default', async () => {
  const asked: (string | undefined)[] = [];
  const api = await serve({
    embedding: () => Promise.resolve(STATUS),
    reembed: (model) => {
      asked.push(model);
      return Promise.resolve(STATUS);
    },
  });
  expect(await (await api.get('/api/v1/reembed')).json()).toEqual(STATUS);
  for (const body of [undefined, {}, { model: 'gte-small' }]) {
    const response = await api.post('/api/v1/reembed', body);
    expect(response.status).toBe(202);
    expect(await response.json()).toEqual(STATUS);
  }
  expect(asked).toEqual([undefined, undefined, 'gte-small']);
});

it.each(['../x', '', '.hidden', 'a/b', 'x'.repeat(101), 7])('a model called %j is refused', async (model) => {
  const response = await (await serve()).post('/api/v1/reembed', { model });
  expect(response.status).toBe(400);
  expect(await response.json()).toMatchObject({
    error: { code: 'BadRequest', message: expect.stringContaining('model must be 1 to 100') },
  });
});

it('a model that cannot be loaded is the caller’s to mend', async () => {
  const reembed = () => Promise.reject(new AkoshaError('ModelUnavailable', 'gte-small is not here'));
  const response = await (await serve({ reembed })).post('/api/v1/reembed', { model: 'gte-small' });
  expect(response.status).toBe(422);
});

import { describe, expect, it } from 'vitest';
import { AkoshaError } from '../../src/contract/index.js';
import { serve } from './support.js';

const PATH = '/api/v1/events/objects';
const API_TOKEN = 'a-token-of-enough-letters';
const EVENTS_TOKEN = 'another-token-of-enough-letters';
const refused = [{ upload: 'systems/a/uploads/b/', reason: 'its id is taken' }];
const takeEvents = () => Promise.resolve({ added: 1, known: 0, refused: [] });

function bearer(token: string): Record<string, string> {
  return { authorization: `Bearer ${token}` };
}

describe(`POST ${PATH}`, () => {
  it('hands the body over as it is, and answers when it is taken', async () => {
    const taken: unknown[] = [];
    const api = await serve({
      takeEvents: (event) => {
        taken.push(event);
        return Promise.resolve({ added: 1, known: 2, refused });
      },
    });
    const response = await api.post(PATH, { Records: [{ any: 1 }] });
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({ added: 1, known: 2, refused });
    expect(taken).toEqual([{ Records: [{ any: 1 }] }]);
  });

  it.each([
    ['BadRequest', 400],
    ['ObjectNotFound', 404],
    ['ObjectStoreUnavailable', 503],
  ] as const)(
    'answers %s with %i, so that the sender tries again or learns why not',
    async (type, status) => {
      const api = await serve({ takeEvents: () => Promise.reject(new AkoshaError(type, 'because')) });
      expect((await api.post(PATH, {})).status).toBe(status);
    },
  );

  it('takes its own token and the API’s', async () => {
    const api = await serve({ takeEvents }, { apiToken: API_TOKEN, eventsToken: EVENTS_TOKEN });
    expect((await api.post(PATH, {}, bearer(EVENTS_TOKEN))).status).toBe(200);
    expect((await api.post(PATH, {}, bearer(API_TOKEN))).status).toBe(200);
    expect((await api.post(PATH, {}, bearer(`${EVENTS_TOKEN}x`))).status).toBe(401);
    expect((await api.post(PATH, {})).status).toBe(401);
  });

  it('its own token is good for nothing else', async () => {
    const api = await serve({}, { apiToken: API_TOKEN, eventsToken: EVENTS_TOKEN });
    expect((await api.get('/api/v1/status', bearer(EVENTS_TOKEN))).status).toBe(401);
    expect((await api.get(`${PATH}/..%2fstatus`, bearer(EVENTS_TOKEN))).status).toBe(401);
  });

  it('asks for its own token also where the rest is open to this machine', async () => {
    const api = await serve({ takeEvents }, { eventsToken: EVENTS_TOKEN });
    expect((await api.post(PATH, {})).status).toBe(401);
    expect((await api.post(PATH, {}, bearer(EVENTS_TOKEN))).status).toBe(200);
    expect((await api.get('/metrics')).status).toBe(200);
  });
});

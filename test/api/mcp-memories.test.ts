import { describe, expect, it } from 'vitest';
import { AkoshaError } from '../../src/contract/index.js';
import type { RowExtra } from '../../src/memory/index.js';
import { call, CONVERSATION, serveMemories, VECTOR, type Accepted } from './mcp-support.js';

describe('a batch', () => {
  it('stores what is sound of it, and says of each other memory why not', async () => {
    const { api, accepted } = await serveMemories();
    const memories = [
      CONVERSATION,
      { text: 'no id' },
      { memory_id: 'b', text: '\ud800' },
      { memory_id: 'c', text: 'no vector' },
    ];
    expect(await call(api, 'batch_store_memories', { memories })).toMatchObject({
      status: 'partial',
      total: 4,
      stored: 2,
      failed: 2,
      errors: [
        { memory_id: null, error: expect.stringContaining('memory_id') },
        { memory_id: 'b', error: 'text: must be well-formed Unicode' },
      ],
    });
    expect(accepted.flatMap(({ rows }) => rows.map(({ memory_id }) => memory_id))).toEqual([
      CONVERSATION.memory_id,
      'c',
    ]);
  });

  it('holds at most 1000', async () => {
    const { api } = await serveMemories();
    const memories = Array.from({ length: 1001 }, (_, n) => ({ memory_id: String(n), text: 'x' }));
    expect(await call(api, 'batch_store_memories', { memories })).toMatchObject({
      status: 'failed',
      error: 'memories: must hold at most 1000 memories',
    });
    expect(await call(api, 'batch_store_memories', { memories: memories.slice(1) })).toMatchObject({
      stored: 1000,
    });
  });

  it('of several systems fails for one and not for the others, and says whether trying again helps', async () => {
    const away = new AkoshaError('ObjectStoreUnavailable', 'the bucket is away');
    const { api } = await serveMemories(({ source }) => (source.systemId === 'b' ? away : undefined));
    const of = (source: string) => ({ memory_id: source, text: 'x', metadata: { source } });
    expect(await call(api, 'batch_store_memories', { memories: [of('a'), of('b')] })).toMatchObject({
      status: 'partial',
      stored: 1,
      errors: [{ memory_id: 'b', error: 'the bucket is away' }],
      retryable: true,
    });
    expect(await call(api, 'batch_store_memories', { memories: [of('b')] })).toMatchObject({
      status: 'failed',
      error: 'the bucket is away',
    });
    expect(await call(api, 'store_memory', of('b'))).toMatchObject({
      status: 'failed',
      error: 'the bucket is away',
      retryable: true,
    });
  });

  it('tells nothing of a fault that is the server’s own', async () => {
    const { api } = await serveMemories(() => new Error('/srv/akosha/secret'));
    const result = await call(api, 'store_memory', CONVERSATION);
    expect(result).toMatchObject({ status: 'failed' });
    expect(JSON.stringify(result)).not.toContain('secret');
    expect(api.logged()).toContain('/srv/akosha/secret');
  });
});

describe('what a memory becomes', () => {
  async function rowOf(item: Record<string, unknown>): Promise<Accepted> {
    const { api, accepted } = await serveMemories();
    await call(api, 'store_memory', { memory_id: 'm', text: 'text', ...item });
    const [only] = accepted;
    if (only === undefined) throw new Error('it was not stored');
    return only;
  }

  it.each([
    ['2026-11-20T16:40:00', '2026-11-20 16:40:00'],
    ['2026-11-20 16:40', '2026-11-20 16:40:00'],
    ['2026-11-20', '2026-11-20 00:00:00'],
    ['2026-11-20T16:40:00.123456Z', '2026-11-20 16:40:00.123456'],
    ['2026-11-20T16:40:00.5+05:30', '2026-11-20 11:10:00.5'],
  ])('has the time %s as %s', async (created_at, timestamp) => {
    const { rows, source } = await rowOf({ metadata: { created_at } });
    // An instant is written in UTC, whatever the system's zone; of a clock's time the server's setting says the zone.
    expect(source.timeZone).toBe(/(Z|[+-]\d\d:?\d\d)$/.test(created_at.trim()) ? 'UTC' : null);
    expect(rows[0]?.fields['timestamp']).toBe(timestamp);
  });

  it.each(['2026-02-30T10:00:00', '2026-13-01', 'yesterday', 7])(
    'keeps the time %s, which is none, in its metadata',
    async (created_at) => {
      const { rows } = await rowOf({ metadata: { created_at } });
      expect(rows[0]?.fields).toMatchObject({ timestamp: null, metadata: JSON.stringify({ created_at }) });
    },
  );

  it('is a reflection where it says so, of the system unknown where it does not say whose it is', async () => {
    const { source, rows } = await rowOf({ metadata: { type: 'reflection' } });
    expect([source.systemId, rows[0]?.kind]).toEqual(['unknown', 'reflection']);
    expect((await rowOf({})).rows[0]?.kind).toBe('conversation');
  });

  it('keeps what has no column, or does not fit it, in its metadata', async () => {
    const { rows } = await rowOf({ metadata: { importance_score: 'high', correlation_id: 'c' } });
    expect(rows[0]?.fields['metadata']).toBe(
      JSON.stringify({ importance_score: 'high', correlation_id: 'c' }),
    );
  });

  it.each([
    ['a list of one vector', [VECTOR], VECTOR],
    ['a list of two', [VECTOR, VECTOR], null],
    ['numbers that no float holds', [1e300], null],
    ['none', null, null],
  ])('has of %s what can be compared', async (_, embedding, expected) => {
    expect((await rowOf({ embedding })).rows[0]?.embedding).toEqual(expected);
  });

  it('of one of our agents is the row that its database has', async () => {
    const extra: RowExtra = {
      format: 1,
      upload_id: '01JDUPLOAD',
      created_at: '2026-11-22T12:00:00.000Z',
      order: 4,
      order_is_known: true,
      previous_order: 3,
      time_zone: 'Europe/Berlin',
      content_length: 4,
      fields: { timestamp: '2026-11-20 16:40:00.123456', reasoning: 'why', metadata: '{"a":  1}' },
      project: 'p',
      tags: null,
    };
    const { source, rows } = await rowOf({
      text: 'text\n\nReasoning: why',
      metadata: { source: 'x--a_2Eb', akosha: extra },
    });
    expect(source).toEqual({
      systemId: 'x--a_2Eb',
      timeZone: 'Europe/Berlin',
      upload: {
        uploadId: '01JDUPLOAD',
        createdAt: Date.UTC(2026, 10, 22, 12),
        order: 4,
        previousOrder: 3,
        orderIsKnown: true,
      },
    });
    expect(rows).toEqual([
      {
        kind: 'conversation',
        memory_id: 'm',
        content: 'text',
        project: 'p',
        tags: null,
        embedding: null,
        fields: extra.fields,
      },
    ]);
  });

  it('of an agent of another format is refused', async () => {
    const { api } = await serveMemories();
    const result = await call(api, 'store_memory', {
      memory_id: 'm',
      text: 't',
      metadata: { akosha: { format: 2 } },
    });
    expect(result).toMatchObject({ status: 'failed', error: expect.stringContaining('format') });
  });

  it('is the same entity where name and type are, without an id of its own', async () => {
    const { api } = await serveMemories();
    const id = async (name: string) =>
      (await call(api, 'create_entity', { name, entity_type: 'service' }))['id'];
    expect(await id('vault')).toBe(await id('vault'));
    expect(await id('vault')).not.toBe(await id('gate'));
  });
});

import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { EMBEDDING_DIMENSIONS } from '../../../src/memory/index.js';
import { EMBEDDING_MODEL as model } from '../../../src/memory/index.js';
import { openEmbedder, type Embedder } from '../../../src/search/embedding/index.js';
import { cosine, modelDirectory } from './support.js';

const SAMPLE = fileURLToPath(new URL('../../../samples/session-buddy/reflection.duckdb', import.meta.url));
const StoredRow = z.object({ content: z.string(), vector: z.array(z.number()).length(EMBEDDING_DIMENSIONS) });

/** Rows of Session-Buddy's own, with the vectors that it computed from the model's float weights. */
async function storedRows(): Promise<z.output<typeof StoredRow>[]> {
  const instance = await DuckDBInstance.create(SAMPLE, { access_mode: 'READ_ONLY' });
  try {
    const connection = await instance.connect();
    const reader = await connection.runAndReadAll(
      `SELECT content, embedding::FLOAT[] AS vector FROM conversations_v2
       WHERE embedding IS NOT NULL AND length(content) < 400 ORDER BY id LIMIT 50`,
    );
    return z.array(StoredRow).parse(reader.getRowObjectsJson());
  } finally {
    instance.closeSync();
  }
}

let embedder: Embedder;
let loads: number[];

beforeAll(async () => {
  loads = [];
  embedder = await openEmbedder({
    model,
    directory: await modelDirectory(),
    onLoad: (milliseconds) => loads.push(milliseconds),
  });
});
afterAll(() => embedder.close());

describe('the model', () => {
  it('is loaded by the first text, once', async () => {
    expect(loads).toEqual([]);
    await Promise.all([embedder.embed(['a']), embedder.embedQuery('b')]);
    expect(loads).toHaveLength(1);
    expect(embedder.model).toBe('all-MiniLM-L6-v2');
  });

  it('puts like near like and far from unlike', async () => {
    const [cat, kitten, other] = await embedder.embed(['cat', 'kitten', 'quarterly tax statement']);
    expect(cosine(cat, kitten)).toBeGreaterThan(0.7);
    expect(cosine(cat, other)).toBeLessThan(0.2);
  });

  it('gives vectors of 384 dimensions and length 1', async () => {
    for (const vector of await embedder.embed(['one', 'a longer text than that', ''])) {
      expect(vector).toHaveLength(EMBEDDING_DIMENSIONS);
      expect(cosine(vector, vector)).toBeCloseTo(1, 5);
    }
  });

  it('agrees with the vectors that Session-Buddy stored', async () => {
    const rows = await storedRows();
    expect(rows).toHaveLength(50);
    const vectors = await embedder.embed(rows.map(({ content }) => content));
    // The int8 weights cost a thousandth: 0.9990 is the least seen over the whole sample.
    const least = Math.min(...rows.map(({ vector }, i) => cosine(vectors[i], vector)));
    expect(least).toBeGreaterThan(0.995);
  });
});

describe('embed', () => {
  it('gives each text the vector it has alone, in the order asked for', async () => {
    const texts = Array.from(
      { length: 80 },
      (_, i) => `text ${i}: ${'lorem ipsum dolor '.repeat((i * 7) % 23)}`,
    );
    const together = await embedder.embed(texts);
    expect(together).toHaveLength(80);
    let worst = 0;
    for (const [i, text] of texts.entries()) {
      const [alone] = await embedder.embed([text]);
      alone?.forEach(
        (value, d) => (worst = Math.max(worst, Math.abs(value - (together[i]?.[d] ?? Infinity)))),
      );
    }
    // Measured: no difference at all. The margin is for processors on which sums run in another order.
    expect(worst).toBeLessThan(1e-5);
  });

  it('takes no texts, an empty text, control characters and half a surrogate pair', async () => {
    expect(await embedder.embed([])).toEqual([]);
    expect(await embedder.embed(['', '\0\u0007', '\ud83d', '   '])).toHaveLength(4);
  });

  it.each([
    ['words', 'the quick brown fox '],
    ['one endless word', 'x'],
    ['characters that are words', '漢'],
    ['white space', ' '],
  ])('takes a text of 300,000 characters: %s', async (_, unit) => {
    const text = unit.repeat(300_000 / unit.length);
    const [vector, start] = await embedder.embed([text, text.slice(0, 3000)]);
    // What is beyond the model's window does not count, and all of these fill it or hold nothing.
    expect(cosine(vector, start)).toBeCloseTo(1, 5);
  });

  it('gives up on the signal, before and while it waits', async () => {
    await expect(embedder.embed(['a'], AbortSignal.abort())).rejects.toMatchObject({ type: 'Cancelled' });
    const controller = new AbortController();
    const many = embedder.embed(Array<string>(200).fill('word '.repeat(200)), controller.signal);
    const one = embedder.embed(['still answered']);
    controller.abort();
    await expect(many).rejects.toMatchObject({ type: 'Cancelled' });
    expect(await one).toHaveLength(1);
  });
});

describe('embedQuery', () => {
  it('goes ahead of the texts that wait', async () => {
    const order: string[] = [];
    const texts = embedder.embed(Array<string>(20).fill('word '.repeat(250))).then(() => order.push('texts'));
    const query = embedder.embedQuery('what was decided about the cache?').then(() => order.push('query'));
    await Promise.all([texts, query]);
    expect(order).toEqual(['query', 'texts']);
  });

  it('gives the same vector as embed, and keeps its memory from its callers', async () => {
    const [vector] = await embedder.embed(['where are the logs?']);
    const first = await embedder.embedQuery('where are the logs?');
    expect(cosine(vector, first)).toBeCloseTo(1, 5);
    first.fill(0);
    const second = await embedder.embedQuery('where are the logs?');
    expect(cosine(vector, second)).toBeCloseTo(1, 5);
    second.fill(0);
    expect(cosine(vector, await embedder.embedQuery('where are the logs?'))).toBeCloseTo(1, 5);
  });
});

it('the thread that calls stays free while the model works', async () => {
  const work = embedder.embed(Array<string>(8).fill('word '.repeat(250)));
  let turns = 0;
  const timer = setInterval(() => turns++, 5);
  await work;
  clearInterval(timer);
  // Eight full windows take some hundred milliseconds, in which a blocked thread would take no turn.
  expect(turns).toBeGreaterThan(5);
});

it('a closed embedder gives up what waits, and takes no more', async () => {
  const closing = await openEmbedder({ model, directory: await modelDirectory() });
  const waiting = closing.embed(Array<string>(50).fill('word '.repeat(200)));
  const refused = expect(waiting).rejects.toMatchObject({ type: 'Cancelled' });
  await closing.close();
  await refused;
  await expect(closing.embedQuery('x')).rejects.toMatchObject({ type: 'Cancelled' });
});

describe('a model that cannot be used', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'akosha-model-'));
  });
  afterEach(() => rm(directory, { recursive: true }));

  it('is told at once where a file is missing, with what to do', async () => {
    await writeFile(join(directory, 'model.onnx'), '');
    const opening = openEmbedder({ model, directory });
    await expect(opening).rejects.toMatchObject({ type: 'ModelUnavailable' });
    await expect(opening).rejects.toThrow(/tokenizer\.json.*AKOSHA_MODEL_DIR.*akosha doctor/);
  });

  it('is told by the first text where a file is damaged, and by every later one', async () => {
    await writeFile(join(directory, 'model.onnx'), 'not a network');
    await symlink(join(await modelDirectory(), 'tokenizer.json'), join(directory, 'tokenizer.json'));
    const damaged = await openEmbedder({ model, directory });
    try {
      await expect(damaged.embed(['a'])).rejects.toMatchObject({ type: 'ModelUnavailable' });
      await expect(damaged.embedQuery('b')).rejects.toMatchObject({ type: 'ModelUnavailable' });
    } finally {
      await damaged.close();
    }
  });
});

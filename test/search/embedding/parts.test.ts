import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Tokenizer } from '@huggingface/tokenizers';
import { beforeAll, describe, expect, it } from 'vitest';
import { meanPool } from '../../../src/search/embedding/pooling.js';
import { QueryCache } from '../../../src/search/embedding/query-cache.js';
import { EmbeddingRequest } from '../../../src/search/embedding/requests.js';
import { firstTokens, MAX_TOKENS } from '../../../src/search/embedding/tokens.js';
import { modelDirectory } from './support.js';

describe('meanPool', () => {
  it('takes the mean over the text’s own tokens and scales it to length 1', () => {
    // Two texts of two dimensions, padded to three tokens; 99 is padding.
    const hidden = Float32Array.from([1, 0, 5, 8, 99, 99, 0, -2, 99, 99, 99, 99]);
    const shape = { paddedLength: 3, dimensions: 2 };
    expect([...meanPool(hidden, 0, { ...shape, tokens: 2 })]).toEqual([Math.fround(0.6), Math.fround(0.8)]);
    expect([...meanPool(hidden, 1, { ...shape, tokens: 1 })]).toEqual([0, -1]);
  });
});

describe('QueryCache', () => {
  it('drops the one least recently used', () => {
    const cache = new QueryCache(2);
    cache.set('a', Float32Array.of(1));
    cache.set('b', Float32Array.of(2));
    cache.get('a');
    cache.set('c', Float32Array.of(3));
    expect([cache.get('a'), cache.get('b'), cache.get('c')]).toEqual([
      Float32Array.of(1),
      undefined,
      Float32Array.of(3),
    ]);
  });
});

describe('the runs of a request', () => {
  it('hold every text once, at most 32 and about 512 tokens, like lengths together', () => {
    const texts = Array.from({ length: 100 }, (_, i) => 'x'.repeat(i % 2 === 0 ? 3 : 3000));
    const runs = new EmbeddingRequest(texts, undefined).runs();
    expect(runs.flatMap(({ places }) => places).sort((a, b) => a - b)).toEqual(texts.map((_, i) => i));
    for (const run of runs) {
      expect(run.texts).toEqual(run.places.map((place) => texts[place]));
      const longest = Math.max(...run.texts.map(({ length }) => length));
      expect(run.texts.length).toBeLessThanOrEqual(longest > 3 ? 2 : 32);
    }
    expect(runs.filter(({ texts: [first] }) => first === 'xxx').length).toBeLessThanOrEqual(2);
  });
});

describe('firstTokens', () => {
  let tokenizer: Tokenizer;
  beforeAll(async () => {
    const text = await readFile(join(await modelDirectory(), 'tokenizer.json'), 'utf8');
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed !== 'object' || parsed === null) throw new Error('no tokenizer');
    tokenizer = new Tokenizer(parsed, {});
  });

  /** Without the cut: the whole text taken apart, then the first pieces kept. */
  function reference(text: string): number[] {
    const { ids } = tokenizer.encode(text);
    return ids.length <= MAX_TOKENS ? ids : [...ids.slice(0, MAX_TOKENS - 1), ...ids.slice(-1)];
  }

  it.each([
    ['nothing', ''],
    ['a few words', 'hello world'],
    ['words', 'the quick brown fox '.repeat(2000)],
    ['unfamiliar words', 'zqxjkvb-wpfgh '.repeat(2000)],
    ['an endless word, then words', `${'x'.repeat(20_000)} and more of them`],
    ['white space, then words', `${' '.repeat(20_000)}after the gap`],
    ['an endless word around the cut', `${'a '.repeat(2000)}${'y'.repeat(500)} z`],
    [
      'few pieces, then an endless word across the cut',
      `${'a '.repeat(250)}${' '.repeat(3540)}${'y'.repeat(500)} end`,
    ],
    ['a word of pieces across the cut', `${' '.repeat(4090)}${'qxzj'.repeat(20)} ${'tail '.repeat(300)}`],
  ])('equal those of the whole text: %s', (_, text) => {
    expect(firstTokens(tokenizer, text)).toEqual(reference(text));
  });

  it('cost no more for a text of 30 million characters than for its start', () => {
    const text = 'the quick brown fox '.repeat(1_500_000);
    const started = performance.now();
    expect(firstTokens(tokenizer, text)).toHaveLength(MAX_TOKENS);
    // 1 ms where it is cut; the whole would take more than 10 s.
    expect(performance.now() - started).toBeLessThan(1000);
  });
});

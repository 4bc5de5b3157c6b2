import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { foldText, MAX_TERMS, searchTerms } from '../../src/search/terms.js';
import { AGE, openTestStore, type TestStore } from './support.js';

describe('search terms', () => {
  it('are the words of a text, in lower case, each once', () => {
    expect(searchTerms('Rotate the JWKS key; KEY rotation')).toEqual(['rotate', 'jwks', 'key', 'rotation']);
  });

  it.each([
    ['operators', '"foo" AND -bar* NEAR(baz, 2) ^qux OR', ['foo', 'bar', 'near', 'baz', '2', 'qux']],
    ['SQL', `'; DROP TABLE memories; --`, ['drop', 'table', 'memories']],
    ['a column filter', 'content : secret', ['content', 'secret']],
    ['identifiers', 'idle_in_transaction x.y', ['idle', 'transaction', 'x', 'y']],
    ['scripts without spaces', '公開鍵を 한국어 鍵', ['公開', '開鍵', '鍵を', '한국', '국어', '鍵']],
    ['such scripts beside others', 'API呼び出し第3回', ['api', '呼び', 'び出', '出し', 'し第', '3', '回']],
    ['marks of such scripts', 'กินข้าว', ['กิน', 'นข้', 'ข้า', 'าว']],
    ['pictographs only beside no word', '🚀 launch 🚀', ['launch']],
    ['marks inside a word', 'हिन्दी भाषा', ['हिन्दी', 'भाषा']],
    ['letters beyond the first plane', '𞤀𞤣 𝒳', ['𞤢𞤣', '𝒳']],
    ['control characters', 'a1\u0000b2\u2028c3\ufeffd4', ['a1', 'b2', 'c3', 'd4']],
    ['half a surrogate pair', 'left\ud800right', ['left', 'right']],
  ])('take %s as text', (_what, text, terms) => {
    expect(searchTerms(text)).toEqual(terms);
  });

  it('are the pictographs of a text without words, flags whole', () => {
    expect(searchTerms('🚀👩🏽‍💻 🇯🇵!')).toEqual(['🚀', '👩', '💻', '🇯🇵']);
  });

  it.each(['', ' \n\t', '"\'`;--/**/', '\u0301', '\ud800'])('of %j are none', (text) => {
    expect(searchTerms(text)).toEqual([]);
  });

  it('keep stop words only where there is nothing else', () => {
    expect(searchTerms('what is to be done')).toEqual(['done']);
    expect(searchTerms('To be, or not to be')).toEqual(['to', 'be', 'or', 'not']);
  });

  it('count accents of Latin letters for nothing and those of other scripts as letters', () => {
    expect(searchTerms('café cafe CAFE\u0301')).toEqual(['café']);
    expect(searchTerms('мой мои')).toEqual(['мой', 'мои']);
    expect(foldText('Ångström ŁÓDŹ МОЙ')).toBe('angstrom łodz мой');
  });

  it('of a text with too many are the longest, in its order', () => {
    const short = Array.from({ length: 80 }, (_, i) => `s${i}`);
    const long = Array.from({ length: MAX_TERMS }, (_, i) => `longer${i}`);
    expect(searchTerms([...short, ...long].join(' '))).toEqual(long);
  });
});

describe('the store with search terms', () => {
  let test: TestStore;
  const awkward = [
    `'; DROP TABLE placements; --`,
    '"unbalanced AND (NEAR OR',
    'naïve Ångström café',
    'हिन्दी भाषा में',
    '한국어 문장',
    '公開鍵を更新する',
    'мой йод и объём',
    'שלום עולם',
    'x\u2028y\ufeffz zero\u200dwidth',
    '<script>alert(1)</script>',
  ];

  beforeAll(async () => {
    test = await openTestStore();
    const memories = Object.entries(AGE).flatMap(([tier, daysOld]) =>
      awkward.map((content, i) => ({ id: `${tier}${i}`, content, daysOld })),
    );
    await test.ingest('laptop', memories);
    await test.age();
  });
  afterAll(() => test.close());

  it.each(['hot', 'warm', 'cold'] as const)(
    'finds every awkward text by its own words in %s',
    async (tier) => {
      for (const [i, content] of awkward.entries()) {
        const found = await test.store.searchWords(tier, searchTerms(content), { tiers: [tier] }, 1);
        expect(found.map(({ memoryId }) => memoryId)).toEqual([`${tier}${i}`]);
      }
    },
  );

  it.each(['hot', 'cold'] as const)('finds decomposed and accent-free spellings in %s', async (tier) => {
    for (const [text, id] of [
      ['NAIVE ANGSTROM', 2],
      ['한국어'.normalize('NFD'), 4],
      ['cafe\u0301', 2],
    ] as const) {
      const found = await test.store.searchWords(tier, searchTerms(text), { tiers: [tier] }, 1);
      expect(found.map(({ memoryId }) => memoryId)).toEqual([`${tier}${id}`]);
    }
  });
});

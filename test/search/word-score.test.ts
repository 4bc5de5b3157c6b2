import { describe, expect, it } from 'vitest';
import { scoreWords } from '../../src/search/word-score.js';

/** The places of the texts, best first; those without a match left out. */
async function order(terms: string[], texts: string[]): Promise<number[]> {
  const scores = await scoreWords(terms, texts);
  return scores
    .map(({ score }, place) => ({ score, place }))
    .filter(({ score }) => score > 0)
    .sort((a, b) => b.score - a.score)
    .map(({ place }) => place);
}

describe('word scores', () => {
  it('put a rare word before a common one', async () => {
    expect(await order(['server', 'jwks'], ['my server', 'my other', 'own jwks', 'up server'])).toEqual([
      2, 0, 3,
    ]);
  });

  it('put more of the words before fewer', async () => {
    expect(await order(['red', 'green', 'blue'], ['red', 'red green', 'red green blue'])).toEqual([2, 1, 0]);
  });

  it('put a short text before a long one with the same match', async () => {
    expect(await order(['key'], [`key ${'filler '.repeat(200)}`, 'key here', 'nothing at all'])).toEqual([
      1, 0,
    ]);
  });

  it('count a word inside another, but for less', async () => {
    expect(await order(['key'], ['monkey', 'a key', 'none'])).toEqual([1, 0]);
    const [part] = await scoreWords(['開鍵'], ['公開鍵暗号', 'none']);
    const [word] = await scoreWords(['open'], ['the open key', 'none']);
    expect(part?.score).toBeCloseTo(word?.score ?? 0, 1);
  });

  it('see whole words between letters beyond the first plane', async () => {
    const [inside, whole] = await scoreWords(['ok'], ['𞤀ok𞤀 x', '🙂ok🙂 x']);
    expect(whole?.score).toBeGreaterThan(inside?.score ?? Infinity);
  });

  it('say what share of the words a text holds, the rare ones for more', async () => {
    const texts = ['common rare', 'common', 'rare', 'neither', 'common', 'common'];
    const [both, common, rare, neither] = (await scoreWords(['common', 'rare'], texts)).map(
      ({ coverage }) => coverage,
    );
    expect([both, neither]).toEqual([1, 0]);
    expect((common ?? 0) + (rare ?? 0)).toBeCloseTo(1);
    expect(rare).toBeGreaterThan(common ?? 1);
  });

  it('fold the case and the accents of Latin letters', async () => {
    expect(await order(['café'], ['CAFE noir', 'tea'])).toEqual([0]);
  });

  it('take long texts by turns with other work', async () => {
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    const terms = Array.from({ length: 64 }, (_, i) => `absent${i}`);
    const scores = await scoreWords(
      terms,
      Array.from({ length: 20 }, () => 'lorem ipsum '.repeat(25_000)),
    );
    clearInterval(timer);
    expect(scores.every(({ score }) => score === 0)).toBe(true);
    expect(turns).toBeGreaterThan(5);
  });

  it('of no terms, or no texts, are nothing', async () => {
    expect(await scoreWords([], ['a'])).toEqual([{ score: 0, coverage: 0 }]);
    expect(await scoreWords(['a'], [])).toEqual([]);
  });
});

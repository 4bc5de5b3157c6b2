import { describe, expect, it } from 'vitest';
import { SNIPPET_LENGTH, snippetOf } from '../../src/search/snippet.js';
import { searchTerms } from '../../src/search/terms.js';

function marked(content: string, query: string): string[] {
  const { text, marks } = snippetOf(content, searchTerms(query));
  return marks.map(([from, to]) => text.slice(from, to));
}

describe('a snippet', () => {
  it('marks the words of the query, as the text has them', () => {
    expect(marked('Use GIT commit --amend; git is fine', 'git commit --amend')).toEqual([
      'GIT',
      'commit',
      'amend',
      'git',
    ]);
  });

  it.each([
    ['accents', 'a naïve Ångström, Äpfel', 'NAIVE ANGSTROM apfel', ['naïve', 'Ångström', 'Äpfel']],
    ['decomposed letters', `x ${'naïve'.normalize('NFD')} y`, 'naive', ['naïve'.normalize('NFD')]],
    ['letters whose lower case is longer', 'İİİ key İ', 'key', ['key']],
    ['runs without spaces', '我们每天更新公钥', '更新公钥', ['更新公钥']],
    ['pictographs', 'we 🚀 launch', '🚀', ['🚀']],
    ['words within others only where there is no other', 'keys and monkeys', 'key', ['key', 'key']],
    ['whole words first', 'monkeys have a key', 'key', ['key']],
    ['nothing that is not there', 'nothing', 'zebra', []],
    ['markup as text', '<b>zebra</b>', 'zebra', ['zebra']],
  ])('marks %s', (_what, content, query, expected) => {
    expect(marked(content, query)).toEqual(expected);
  });

  it('is the part with most of the words, and says where it was cut', () => {
    const filler = 'lorem ipsum dolor '.repeat(60);
    const content = `one zebra here ${filler} a zebra with stripes ${filler}`;
    const snippet = snippetOf(content, searchTerms('zebra stripes'));
    expect(snippet.text).toContain('a zebra with stripes');
    expect(snippet.text.length).toBeLessThanOrEqual(SNIPPET_LENGTH);
    expect(content).toContain(snippet.text);
    expect(snippet).toMatchObject({ cutBefore: true, cutBehind: true });
    expect(snippet.text).toMatch(/^(lorem|ipsum|dolor)\b.*\b(lorem|ipsum|dolor)$/s);
  });

  it.each([
    ['Latin', 'naïve façade '],
    ['Chinese', '我们每天更新公钥'],
    ['Korean in letters', '한국어 문장 '.normalize('NFD')],
  ])('of a long text that is %s is made in a moment', (_what, filler) => {
    const content = `${filler.repeat(Math.ceil(150_000 / filler.length))} a zebra Ångström ${filler.repeat(5_000)}`;
    const before = process.cpuUsage();
    expect(marked(content, 'zebra angstrom')).toEqual(['zebra', 'Ångström']);
    // Of the processor, for others may use it too. By character it takes several times as long.
    expect(process.cpuUsage(before).user / 1000).toBeLessThan(60);
  });

  it('marks words wherever a long text is parted', () => {
    for (let length = 980; length < 1020; length++) {
      const content = `é${'x'.repeat(length)} ключ ${'e\u0301'.repeat(600)}`;
      expect(marked(content, 'ключ')).toEqual(['ключ']);
    }
    expect(marked('公'.repeat(999) + '更新公钥', '更新公钥')).toEqual(['更新公钥']);
  });

  it('is short, whatever the text', () => {
    for (const content of [
      'x'.repeat(500_000),
      '🚀'.repeat(100_000),
      '公'.repeat(10_000),
      'ab '.repeat(200_000),
      '',
    ]) {
      const { text, marks } = snippetOf(content, searchTerms('ab 公 x'));
      expect(text.length).toBeLessThanOrEqual(SNIPPET_LENGTH);
      expect(text).not.toMatch(/^[\udc00-\udfff]|[\ud800-\udbff]$/);
      for (const [from, to] of marks) expect(from).toBeLessThan(to);
    }
  });
});

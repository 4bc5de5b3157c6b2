import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { search, type SearchAnswer } from '../../src/search/index.js';
import { AGE, openTestStore, type TestStore } from './support.js';

const TIERS = ['hot', 'warm', 'cold'] as const;

/** Texts of memories, and queries that must find them, each as anybody might type or paste it. */
const CASES: readonly [what: string, content: string, queries: readonly string[]][] = [
  [
    'a command',
    'use git commit --amend to fix the message',
    ['git commit --amend', '--amend', '"commit --amend"'],
  ],
  ['an option', 'run akosha search --known-by 2026-01-01', ['--known-by', 'known-by', '-known -by']],
  [
    'FTS5 syntax',
    'NEAR the AND gate, NOT an OR gate',
    ['NEAR(gate', 'AND gate', '"AND" OR (gate*', 'gate AND NOT'],
  ],
  [
    'a column filter',
    'the content: secret of the vault',
    ['content:secret', 'content : secret -vault', '{content} : vault'],
  ],
  ['quotes', `she said "don't panic" twice`, [`"don't panic"`, `don't`, '"panic', `panic"`, `''panic''`]],
  ['SQL', `'; DROP TABLE zebras; --`, [`'; DROP TABLE zebras; --`, `zebras' OR 1=1`]],
  [
    'code',
    'const total = rows.map((r) => r.bytes ?? 0)',
    ['rows.map((r) => r.bytes', 'r.bytes ?? 0', 'total=rows'],
  ],
  [
    'a path',
    'see /etc/nginx/sites-enabled/default.conf',
    ['/etc/nginx', 'sites-enabled/*.conf', 'nginx\\default'],
  ],
  [
    'an identifier',
    'idle_in_transaction_session_timeout = 5min',
    ['idle_in_transaction_session_timeout', 'session_timeout'],
  ],
  ['Chinese', '我们每天更新公钥并轮换签名密钥', ['公钥', '更新公钥', '轮换密钥', '钥']],
  [
    'Japanese',
    'APIのトークンは毎日更新されます',
    ['トークン', '毎日更新', 'トークンの更新', 'APIのトークン', 'す', 'ﾄｰｸﾝ トークン'],
  ],
  ['Korean', '데이터베이스를 백업하는 방법', ['데이터베이스', '백업', '백업'.normalize('NFD')]],
  ['Thai', 'วิธีสำรองข้อมูลทุกวัน', ['สำรองข้อมูล', 'ข้อมูล']],
  ['right to left', 'שלום לכולם, מחר נפגשים', ['שלום', '\u202eלכולם\u202c']],
  ['Hindi', 'हिन्दी भाषा में लिखा', ['भाषा', 'हिन्दी में']],
  ['pictographs', 'the launch went well 🚀🇯🇵', ['🚀', '🇯🇵', '🚀🚀', 'launch 🚀']],
  ['accents', 'naïve Ångström meets Łódź', ['NAIVE ANGSTROM', 'naïve'.normalize('NFD'), 'ångström']],
  [
    'control characters',
    'before\u2028between\ufeffafter',
    ['before\u2028between', 'af\u0000 between\u0000', 'between\u0007'],
  ],
  ['half of a pair', 'left of the pair', ['left\ud800pair', '\udc00left']],
  ['markup', '<script>alert("boo")</script>', ['<script>alert', 'boo</script>', '&lt;script&gt;alert']],
  ['Greek', 'Ο Οδυσσεύς γύρισε', ['ΟΔΥΣΣΕΎΣ', 'οδυσσεύς'.normalize('NFD'), 'γύρισε']],
];

/** Queries without a word to find; none may fail either. */
const WITHOUT_WORDS = [
  '&&',
  '=>',
  '"',
  "''",
  '*',
  '^',
  '(((',
  '%_%',
  '\u0000',
  '\ud800',
  '\u0301',
  '--',
  '\u200d',
];

describe('any text as a query, by words alone', () => {
  let test: TestStore;
  const ask = (text: string, tier: (typeof TIERS)[number]): Promise<SearchAnswer> =>
    search({ store: test.store, embedder: undefined, timeoutMs: 20_000 }, { text, tiers: [tier], limit: 3 });

  beforeAll(async () => {
    test = await openTestStore();
    await test.ingest(
      'laptop',
      TIERS.flatMap((tier) => [
        ...CASES.map(([what, content]) => ({ id: `${what} ${tier}`, content, daysOld: AGE[tier] })),
        ...['an unrelated note about lunch', '昨日の天気', 'nothing of interest'].map((content, i) => ({
          id: `other ${i} ${tier}`,
          content,
          daysOld: AGE[tier],
        })),
      ]),
    );
    await test.age();
  });
  afterAll(() => test.close());

  it.each(CASES)('finds %s', async (what, _content, queries) => {
    for (const tier of TIERS) {
      for (const query of queries) {
        const { results, partial } = await ask(query, tier);
        expect(partial).toEqual([]);
        expect([query, tier, results[0]?.memoryId]).toEqual([query, tier, `${what} ${tier}`]);
      }
    }
  });

  it.each(WITHOUT_WORDS)('answers nothing to %j, and does not fail', async (text) => {
    for (const tier of TIERS) expect(await ask(text, tier)).toMatchObject({ results: [], partial: [] });
  });

  it.each([
    ['one word', 'x'.repeat(100_000)],
    ['words', 'zebra '.repeat(16_000)],
    ['many words', Array.from({ length: 20_000 }, (_, i) => `w${i}`).join(' ')],
    ['a script without spaces', '公開鍵'.repeat(33_000)],
    ['signs', '"*('.repeat(33_000)],
    ['pictographs', '🚀'.repeat(50_000)],
  ])('takes 100,000 characters of %s', async (_what, text) => {
    for (const tier of TIERS) expect((await ask(text, tier)).partial).toEqual([]);
  });
});

import fc from 'fast-check';
import { expect, it } from 'vitest';
import { JsonListSplitter } from '../../src/reader/json-list.js';

const fault = (rule: string): Error => new Error(rule);

function split(text: string, cuts: readonly number[]): unknown[] {
  const bytes = Buffer.from(text);
  const splitter = new JsonListSplitter('conversations', 1_000_000, fault);
  const at = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  const elements = at.slice(1).flatMap((to, i) => splitter.push(bytes.subarray(at[i], to)));
  splitter.end();
  return elements.map((element): unknown => JSON.parse(element.toString()));
}

it('the elements are those that JSON.parse finds, wherever the chunks end', () => {
  const document = fc.record({
    before: fc.dictionary(
      fc.string().filter((key) => key !== 'conversations' && key !== '__proto__'),
      fc.jsonValue(),
    ),
    conversations: fc.array(fc.jsonValue()),
    indent: fc.constantFrom('', ' ', '\n\t'),
  });
  fc.assert(
    fc.property(document, fc.array(fc.nat()), ({ before, conversations, indent }, cuts) => {
      const text = JSON.stringify({ ...before, conversations }, null, indent);
      expect(split(text, cuts)).toEqual(JSON.parse(JSON.stringify(conversations)));
    }),
    { numRuns: 300 },
  );
});

it('a document cut anywhere is refused', () => {
  const text = '{"a": [1, {"b": "\\"]"}], "conversations": [{"content": "x, ]"}, 7, "é"], "c": null}';
  for (let length = 0; length < text.length; length++) {
    expect(() => split(text.slice(0, length), [3, 11, 40])).toThrow('is not JSON: ends at byte');
  }
});

it('an element above the limit costs no memory and does not end the list', () => {
  const splitter = new JsonListSplitter('conversations', 10, fault);
  const chunk = Buffer.from('[['.repeat(1000));
  expect(splitter.push(Buffer.from('{"conversations": ["short", '))).toHaveLength(1);
  for (let i = 0; i < 100; i++) expect(splitter.push(chunk)).toEqual([]);
  for (let i = 0; i < 99; i++) expect(splitter.push(Buffer.from(']]'.repeat(1000)))).toEqual([]);
  expect(splitter.push(Buffer.from(`${']]'.repeat(1000)}, 7]}`))).toEqual(['too large', Buffer.from('7')]);
  splitter.end();
});

it.each([
  ['no byte', '', 'is not JSON: ends at byte 0, where "{" was expected'],
  ['a text', 'hello', 'is not JSON: "{" expected at byte 0'],
  ['a list', '[]', 'is not JSON: "{" expected at byte 0'],
  [
    'cut in a text',
    '{"conversations": [{"content": "x',
    'is not JSON: ends at byte 33, where the rest of a value was expected',
  ],
  [
    'cut in the list',
    '{"conversations": [{"content": "x"}',
    'is not JSON: ends at byte 35, where "," or "]" was expected',
  ],
  [
    'cut after the list',
    '{"conversations": []',
    'is not JSON: ends at byte 20, where "," or "}" was expected',
  ],
  ['two documents', '{"conversations": []}{}', 'is not JSON: the end expected at byte 21'],
  ['a comma too many', '{"conversations": [{},]}', 'is not JSON: a value expected at byte 22'],
  ['no colon', '{"conversations" []}', 'is not JSON: ":" expected at byte 17'],
  ['another object', '{"memories": []}', 'has no list conversations'],
  ['fields of a prototype', '{"__proto__": {"conversations": []}}', 'has no list conversations'],
  ['an object for the list', '{"conversations": {}}', 'has conversations that are no list'],
  ['the list twice', '{"conversations": [], "conversat\\u0069ons": []}', 'has conversations twice'],
])('a document of %s is refused', (_what, text, rule) => {
  expect(() => split(text, [])).toThrow(rule);
});

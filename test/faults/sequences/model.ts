import { keyText, type Tier } from '../../../src/contract/index.js';
import type { SearchAnswer } from '../../../src/search/index.js';

/** A text; undefined: the memory is not found. */
type Text = string | undefined;

/** As JSON has it: null for a memory that is not found. */
export type SavedModel = readonly (readonly [key: string, texts: readonly (string | null)[]])[];

/**
 * What is found of each memory: one text, or one of several while something is under way that changes it. A memory that is acknowledged and
 * not ingested yet may be found or not.
 */
export class Model {
  readonly #memories: Map<string, Text[]>;
  readonly #views = new Set<Map<string, Set<Text>>>();

  constructor(
    saved: SavedModel = [],
    private readonly onChange: () => void = () => undefined,
  ) {
    this.#memories = new Map(saved.map(([key, texts]) => [key, texts.map((text) => text ?? undefined)]));
  }

  saved(): SavedModel {
    return [...this.#memories].map(([key, texts]) => [key, texts.map((text) => text ?? null)]);
  }

  /** From now on this may be found as well. */
  may(key: string, text: Text): void {
    this.#set(key, [...this.#texts(key), text]);
  }

  /** From now on this is found, and nothing else. */
  is(key: string, text: Text): void {
    this.#set(key, [text]);
  }

  /** What is found, where nothing is under way. */
  settled(): Record<string, string> {
    const found: Record<string, string> = {};
    for (const [key, texts] of this.#memories) {
      if (texts.length > 1) throw new Error(`${key} is still under way`);
      const [text] = texts;
      if (text !== undefined) found[key] = text;
    }
    return found;
  }

  /** What a search may find that begins now and goes on until `end`. */
  view(): { end: () => Map<string, ReadonlySet<Text>> } {
    const view = new Map([...this.#memories].map(([key, texts]) => [key, new Set(texts)]));
    this.#views.add(view);
    const end = (): typeof view => {
      this.#views.delete(view);
      return view;
    };
    return { end };
  }

  #texts(key: string): Text[] {
    return this.#memories.get(key) ?? [undefined];
  }

  #set(key: string, texts: Text[]): void {
    const before = this.#texts(key);
    this.#memories.set(key, [...new Set(texts)]);
    for (const view of this.#views) view.set(key, new Set([...(view.get(key) ?? before), ...texts]));
    this.onChange();
  }
}

/** Where each memory was before a search and after it: what is missing may be so in either. */
export type Places = readonly ReadonlyMap<string, Tier>[];

/** What is wrong with an answer; nothing where it keeps the promise. */
export function faultsOf(
  answer: Pick<SearchAnswer, 'results' | 'partial'>,
  expected: ReadonlyMap<string, ReadonlySet<Text>>,
  places: Places,
): string[] {
  const faults: string[] = [];
  const found = new Set<string>();
  for (const result of answer.results) {
    const key = keyText(result);
    if (found.has(key)) faults.push(`${key} is found twice`);
    found.add(key);
    if (expected.get(key)?.has(result.content) !== true) faults.push(`${key} is found as ${result.content}`);
  }
  const partial = new Set(answer.partial.map(({ tier }) => tier));
  for (const [key, texts] of expected) {
    if (texts.has(undefined) || found.has(key)) continue;
    const tiers = places.map((place) => place.get(key)).filter((tier) => tier !== undefined);
    const isTold = tiers.some((tier) => partial.has(tier));
    if (!isTold) faults.push(`${key} of ${tiers.join(' or ')} is missing: ${JSON.stringify(answer.partial)}`);
  }
  return faults;
}

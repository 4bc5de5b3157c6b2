import { createHash } from 'node:crypto';
import { z } from 'zod';
import { EMBEDDING_DIMENSIONS, MAX_CONTENT_BYTES, MAX_MEMORY_ID_LENGTH } from '../memory/index.js';
import type { ListElement } from './json-list.js';
import { memberText, parseValue } from './json-values.js';

/** A conversation of a `memories.json`, with a column's value or null for each of `ITEM_COLUMNS`. */
export interface MemoryItem {
  id: string;
  content: string;
  timestamp: string | null;
  source: string | null;
  project: string | null;
  tags: readonly string[] | null;
  /** The text of the object, as it stands in the file. */
  metadata: string | null;
  embedding: readonly number[] | null;
}

/** The same as DuckDB's types, in the table's order. The time is kept as the text it is: only so it can say its zone. */
export const ITEM_COLUMNS: Readonly<Record<keyof MemoryItem, string>> = {
  id: 'VARCHAR',
  content: 'VARCHAR',
  timestamp: 'VARCHAR',
  source: 'VARCHAR',
  project: 'VARCHAR',
  tags: 'VARCHAR[]',
  metadata: 'VARCHAR',
  embedding: `FLOAT[${EMBEDDING_DIMENSIONS}]`,
};

/** Why a conversation is left out, as a receipt says it: of the element's form alone, nothing of its text. */
export type Refusal =
  | 'larger than a conversation may be'
  | 'not JSON in UTF-8'
  | 'not an object'
  | 'no text in content'
  | 'content larger than a text may be'
  | 'id that cannot be one';

/** Text that can be written as UTF-8; a lone half of a surrogate pair, which JSON can hold, cannot. */
const Text = z.string().refine((text) => !/\p{Cs}/u.test(text));

const Content = Text.min(1);

const Id = z
  .union([Text, z.int()])
  .transform(String)
  .refine((id) => id !== '' && id.length <= MAX_MEMORY_ID_LENGTH && !id.includes('\0'));

const Metadata = z.object({
  project: Text.nullable().catch(null).default(null),
  tags: z.array(Text).nullable().catch(null).default(null),
});

/** What a conversation can do without is dropped where it is not what it should be. */
const Item = z.object({
  id: z.unknown().optional(),
  content: z.unknown().optional(),
  timestamp: Text.nullable().catch(null).default(null),
  source: Text.nullable().catch(null).default(null),
  metadata: Metadata.nullable().catch(null).default(null),
  embedding: z.unknown().optional(),
});

/** Reads one element of the list `conversations`, or says why it cannot be one. */
export function readItem(element: ListElement): MemoryItem | Refusal {
  if (element === 'too large') return 'larger than a conversation may be';
  const json = parseValue(element);
  if (json === undefined) return 'not JSON in UTF-8';
  const item = Item.safeParse(json.value);
  if (!item.success) return 'not an object';
  const { timestamp, source, metadata, embedding } = item.data;
  const content = Content.safeParse(item.data.content);
  if (!content.success) return 'no text in content';
  if (Buffer.byteLength(content.data) > MAX_CONTENT_BYTES) return 'content larger than a text may be';
  const said = {
    content: content.data,
    timestamp,
    source,
    metadata: metadata === null ? null : (memberText(element, 'metadata') ?? null),
  };
  const id = Id.safeParse(item.data.id ?? idOf(said));
  if (!id.success) return 'id that cannot be one';
  const { project = null, tags = null } = metadata ?? {};
  return { ...said, id: id.data, project, tags, embedding: vectorOf(embedding) };
}

type Said = Pick<MemoryItem, 'content' | 'timestamp' | 'source' | 'metadata'>;

/**
 * The id of a conversation that has none: of all that it says, so that another reading gives the same, and two that differ in
 * anything are two. The original consumer counted them, so that each of its readings made new ones.
 */
function idOf({ content, timestamp, source, metadata }: Said): string {
  const hash = createHash('sha256').update(JSON.stringify([content, timestamp, source, metadata]));
  return `content-${hash.digest('hex').slice(0, 32)}`;
}

/** Null where there is none that could be compared: the text is embedded again. The original consumer put 384 zeros for a missing one. */
function vectorOf(embedding: unknown): number[] | null {
  if (!Array.isArray(embedding) || embedding.length !== EMBEDDING_DIMENSIONS) return null;
  const numbers: number[] = [];
  for (const value of embedding) {
    if (typeof value !== 'number' || !Number.isFinite(Math.fround(value))) return null;
    numbers.push(value);
  }
  return numbers.some((value) => value !== 0) ? numbers : null;
}

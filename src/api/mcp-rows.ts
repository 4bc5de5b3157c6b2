import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { AcceptedRow, RowSource } from '../ingest/index.js';
import {
  escapeSystemId,
  isSystemId,
  MAX_MEMORY_ID_LENGTH,
  ROW_EXTRA_KEY,
  RowExtra,
} from '../memory/index.js';
import { namesZone, wallTime } from './mcp-time.js';

/** A memory as a tool's arguments give it, and whose it is. */
export interface ReceivedRow {
  source: RowSource;
  row: AcceptedRow;
}

/** Half of a surrogate pair cannot be stored as UTF-8, and one such memory would spoil its whole batch. */
const Text = z.string().refine(isWellFormed, 'must be well-formed Unicode');
const Id = Text.min(1, 'must not be empty')
  .max(MAX_MEMORY_ID_LENGTH)
  .refine((id) => !id.includes('\0'), 'must not hold a NUL');
const Properties = z.record(z.string(), z.unknown()).refine(isWellFormed, 'must be well-formed Unicode');
const Metadata = Properties.nullish();
const Vector = z.array(z.number());
/** The original's schema allows a list of vectors; its own code takes none but a single one. */
const Embedding = z.union([Vector, z.array(Vector)]).nullish();

export const MemoryItem = z.object({
  memory_id: Id.describe('The memory’s id on its host.'),
  text: Text.describe('What is remembered.'),
  embedding: Embedding.describe(
    'A vector of all-MiniLM-L6-v2, 384 numbers. Left out, the memory is found by words.',
  ),
  metadata: Metadata.describe(
    'source: the host’s name; type: conversation or reflection; created_at: ISO 8601; category, project, tags, namespace, …',
  ),
});

export const ReflectionItem = z.object({
  reflection_id: Id.describe('The reflection’s id on its host.'),
  content: Text.describe('What was learnt.'),
  embedding: Embedding.describe('A vector of all-MiniLM-L6-v2, 384 numbers.'),
  metadata: Metadata.describe('As for store_memory.'),
});

const GraphProperties = Properties.nullish().describe(
  'Any; of them source_system, original_id and created_at say whose it is, its id there and since when.',
);

export const EntityItem = z.object({
  name: Text,
  entity_type: Text,
  observations: z.array(Text).nullish(),
  properties: GraphProperties,
  metadata: Metadata,
});

export const RelationItem = z.object({
  from_entity: Text.describe('An entity’s id.'),
  to_entity: Text.describe('An entity’s id.'),
  relation_type: Text,
  properties: GraphProperties,
  metadata: Metadata,
});

/** The original's words where a sender does not say who it is. */
const UNKNOWN_SOURCE = 'unknown';

export function memoryRow(item: z.output<typeof MemoryItem>): ReceivedRow {
  const metadata = item.metadata ?? {};
  const kind = metadata['type'] === 'reflection' ? 'reflection' : 'conversation';
  return textRow(kind, item.memory_id, item.text, item.embedding, metadata);
}

export function reflectionRow(item: z.output<typeof ReflectionItem>): ReceivedRow {
  return textRow('reflection', item.reflection_id, item.content, item.embedding, item.metadata ?? {});
}

export function entityRow(item: z.output<typeof EntityItem>): ReceivedRow {
  const { name, entity_type, observations } = item;
  return graphRow('entity', [name, entity_type], item, {
    name,
    entity_type,
    observations: observations ?? [],
  });
}

export function relationRow(item: z.output<typeof RelationItem>): ReceivedRow {
  const { from_entity, to_entity, relation_type } = item;
  const named = { from_entity, to_entity, relation_type };
  return graphRow('relation', Object.values(named), item, named);
}

/** What Session-Buddy's metadata is called like the column it comes from. */
const COLUMNS = {
  conversation: [
    'category',
    'subcategory',
    'importance_score',
    'memory_tier',
    'namespace',
    'session_id',
    'user_id',
    'source_type',
  ],
  reflection: ['category', 'subcategory', 'importance_score', 'memory_tier', 'related_entities', 'namespace'],
} as const;

function textRow(
  kind: 'conversation' | 'reflection',
  memoryId: string,
  text: string,
  embedding: z.output<typeof Embedding>,
  metadata: Readonly<Record<string, unknown>>,
): ReceivedRow {
  const vector = flat(embedding);
  const extra = extraOf(metadata);
  if (extra !== undefined) {
    const content = text.slice(0, extra.content_length);
    return exactRow(metadata['source'], extra, { kind, memory_id: memoryId, content, embedding: vector });
  }
  const { source, type: _type, created_at, project, tags, ...rest } = metadata;
  const known = new Set<string>(COLUMNS[kind]);
  const fields = Object.fromEntries(
    Object.entries(rest).filter(([name, value]) => known.has(name) && fits(name, value)),
  );
  const others = Object.fromEntries(Object.entries(rest).filter(([name]) => !Object.hasOwn(fields, name)));
  const timestamp = wallTime(created_at);
  // Nothing that was sent is lost: what has no column of its own stays in the metadata.
  if (timestamp === null && created_at !== undefined) others['created_at'] = created_at;
  return {
    source: { systemId: systemOf(source), timeZone: zoneOf(created_at) },
    row: {
      kind,
      memory_id: memoryId,
      content: text,
      project: typeof project === 'string' ? project : null,
      tags: listOfTexts(tags),
      fields: { ...fields, timestamp, metadata: JSON.stringify(others) },
      embedding: vector,
    },
  };
}

function graphRow(
  kind: 'entity' | 'relation',
  naturalKey: readonly string[],
  { properties, metadata }: Pick<z.output<typeof EntityItem>, 'properties' | 'metadata'>,
  named: Readonly<Record<string, unknown>>,
): ReceivedRow {
  const { source_system, original_id, created_at, ingestion_method: _method, ...own } = properties ?? {};
  const id = typeof original_id === 'string' && original_id !== '' ? original_id : idOf(kind, naturalKey);
  const extra = extraOf(metadata ?? {});
  if (extra !== undefined) {
    return exactRow(source_system, extra, {
      kind,
      memory_id: id,
      content: null,
      embedding: extra.embedding ?? null,
    });
  }
  const { source, ...others } = metadata ?? {};
  return {
    source: { systemId: systemOf(source_system ?? source), timeZone: zoneOf(created_at) },
    row: {
      kind,
      memory_id: id,
      content: null,
      project: null,
      tags: null,
      fields: {
        ...named,
        created_at: wallTime(created_at),
        properties: JSON.stringify(own),
        metadata: JSON.stringify(others),
      },
      embedding: null,
    },
  };
}

/** A row of one of our agents: what its database has, column by column. Such an agent sends its system's id, not its name. */
function exactRow(
  source: unknown,
  extra: RowExtra,
  row: Pick<AcceptedRow, 'kind' | 'memory_id' | 'content' | 'embedding'>,
): ReceivedRow {
  return {
    source: {
      systemId: typeof source === 'string' && isSystemId(source) ? source : systemOf(source),
      timeZone: extra.time_zone,
      upload: {
        uploadId: extra.upload_id,
        createdAt: Date.parse(extra.created_at),
        order: extra.order,
        previousOrder: extra.previous_order,
        orderIsKnown: extra.order_is_known,
      },
    },
    row: { ...row, project: extra.project, tags: extra.tags, fields: extra.fields },
  };
}

function extraOf(metadata: Readonly<Record<string, unknown>>): RowExtra | undefined {
  const extra = metadata[ROW_EXTRA_KEY];
  return extra === undefined ? undefined : RowExtra.parse(extra);
}

/** What names its zone is written in UTC; of any other time the setting says it. In an upload all times have one zone, so these are two. */
function zoneOf(createdAt: unknown): string | null {
  return namesZone(createdAt) ? 'UTC' : null;
}

function systemOf(source: unknown): string {
  return escapeSystemId(typeof source === 'string' && source !== '' ? source : UNKNOWN_SOURCE);
}

/** Without an id of its own the same entity or relation, sent again, is the same memory. */
function idOf(kind: string, naturalKey: readonly string[]): string {
  return createHash('sha256')
    .update(JSON.stringify([kind, ...naturalKey]))
    .digest('hex')
    .slice(0, 32);
}

/** Whether a column can take a value; one that cannot is no reason to refuse the memory. */
function fits(name: string, value: unknown): boolean {
  if (name === 'importance_score') return typeof value === 'number';
  if (name === 'related_entities') return listOfTexts(value) !== null;
  return typeof value === 'string';
}

function listOfTexts(value: unknown): string[] | null {
  const list = z.array(z.string()).safeParse(value);
  return list.success ? list.data : null;
}

/** Null for what cannot be compared with other vectors: the memory is stored all the same. */
function flat(embedding: z.output<typeof Embedding>): number[] | null {
  const parsed = z.array(z.number()).safeParse(embedding?.length === 1 ? embedding[0] : embedding);
  return parsed.success && parsed.data.every((value) => Number.isFinite(Math.fround(value)))
    ? parsed.data
    : null;
}

function isWellFormed(value: unknown): boolean {
  if (typeof value === 'string') return !/\p{Cs}/u.test(value);
  if (typeof value !== 'object' || value === null) return true;
  return Object.entries(value).every(([name, item]) => isWellFormed(name) && isWellFormed(item));
}

import { z } from 'zod';
import { KINDS, type Kind } from '../../contract/index.js';
import { ROW_EXTRA_KEY, type RowExtra } from '../../memory/index.js';

/** One line of `ReaderPool.listRows`. */
export const ListedRow = z.object({
  kind: z.enum(KINDS),
  memory_id: z.string(),
  hash: z.string(),
  content: z.string(),
  project: z.string().nullable(),
  tags: z.array(z.string().nullable()).nullable(),
  fields: z.string().transform((text) => z.record(z.string(), z.unknown()).parse(JSON.parse(text))),
  embedding: z.array(z.number()).nullable(),
});
export type ListedRow = z.output<typeof ListedRow>;

/** What all rows of an upload have in common on the wire. */
export interface RowContext {
  systemId: string;
  extra: Omit<RowExtra, 'fields' | 'project' | 'tags' | 'content_length' | 'embedding'>;
}

/** The tool that takes a kind of memory. Conversations go in batches, the others one by one: Session-Buddy's protocol has no more. */
export const TOOL_OF: Readonly<Record<Kind, string>> = {
  conversation: 'batch_store_memories',
  reflection: 'store_reflection',
  entity: 'create_entity',
  relation: 'create_relation',
};

/**
 * The arguments of Session-Buddy's own HTTP sync for one memory, of a conversation those of one item of its batch, with `RowExtra` in
 * the metadata.
 */
export function toArguments(row: ListedRow, context: RowContext): Record<string, unknown> {
  switch (row.kind) {
    case 'conversation':
      return conversationItem(row, context);
    case 'reflection':
      return reflectionItem(row, context);
    case 'entity':
      return graphItem(row, context, { name: '', entity_type: '', observations: [] });
    case 'relation':
      return graphItem(row, context, { from_entity: '', to_entity: '', relation_type: '' });
  }
}

function conversationItem(row: ListedRow, context: RowContext): Record<string, unknown> {
  const { fields, content } = row;
  const reasoning = typeof fields['reasoning'] === 'string' ? `Reasoning: ${fields['reasoning']}` : '';
  return {
    memory_id: row.memory_id,
    text: [content, reasoning].filter((part) => part !== '').join('\n\n'),
    embedding: shortened(row.embedding),
    metadata: {
      ...withoutNulls({
        source: context.systemId,
        original_id: row.memory_id,
        type: 'conversation',
        category: fields['category'],
        subcategory: fields['subcategory'],
        importance_score: fields['importance_score'],
        memory_tier: fields['memory_tier'],
        source_type: fields['source_type'],
        project: row.project,
        namespace: fields['namespace'],
        session_id: fields['session_id'],
        user_id: fields['user_id'],
        created_at: isoTime(fields['timestamp']),
        ingestion_method: 'http_push',
      }),
      [ROW_EXTRA_KEY]: { ...extraOf(row, context), content_length: content.length },
    },
  };
}

function reflectionItem(row: ListedRow, context: RowContext): Record<string, unknown> {
  const { fields } = row;
  return {
    reflection_id: row.memory_id,
    content: row.content,
    embedding: shortened(row.embedding),
    metadata: {
      source: context.systemId,
      original_id: row.memory_id,
      type: 'reflection',
      category: fields['category'] ?? 'context',
      importance_score: fields['importance_score'] ?? 0.5,
      memory_tier: fields['memory_tier'] ?? 'long_term',
      tags: row.tags ?? [],
      related_entities: fields['related_entities'] ?? [],
      project: row.project,
      namespace: fields['namespace'] ?? 'default',
      created_at: isoTime(fields['timestamp']),
      ingestion_method: 'http_push',
      [ROW_EXTRA_KEY]: extraOf(row, context),
    },
  };
}

/** `named`: the columns that are arguments of their own, with what stands for a missing value. */
function graphItem(
  row: ListedRow,
  context: RowContext,
  named: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const { fields } = row;
  return {
    ...Object.fromEntries(Object.entries(named).map(([name, none]) => [name, fields[name] ?? none])),
    properties: {
      ...jsonObject(fields['properties']),
      source_system: context.systemId,
      original_id: row.memory_id,
      created_at: isoTime(fields['created_at']),
      ingestion_method: 'http_push',
    },
    metadata: {
      ...jsonObject(fields['metadata']),
      [ROW_EXTRA_KEY]: { ...extraOf(row, context), embedding: shortened(row.embedding) },
    },
  };
}

function extraOf({ fields, project, tags }: ListedRow, { extra }: RowContext): RowExtra {
  // What is null need not travel: a column that is not there is null.
  return { ...extra, fields: withoutNulls(fields), project, tags };
}

/** Nine digits bring a 32-bit float back as it was; printed in full, vectors are most of what goes over the line. */
function shortened(embedding: readonly number[] | null): number[] | null {
  return embedding?.map((value) => Number(value.toPrecision(9))) ?? null;
}

/** As Python's `isoformat` has it. DuckDB's JSON separates date and time by a space. */
function isoTime(value: unknown): string | null {
  return typeof value === 'string' ? value.replace(' ', 'T') : null;
}

function jsonObject(text: unknown): Record<string, unknown> {
  if (typeof text !== 'string') return {};
  try {
    return z.record(z.string(), z.unknown()).catch({}).parse(JSON.parse(text));
  } catch {
    // Python's NaN, for one. The text itself goes along in `fields`.
    return {};
  }
}

function withoutNulls(values: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(values).filter(([, value]) => value !== null && value !== undefined),
  );
}

import type { Kind } from '../contract/index.js';
import { BATCH_COLUMNS } from '../memory/index.js';
import { quoteName, quoteText } from './sandbox.js';

/** A table as Session-Buddy 0.36 makes it, with the columns that earlier versions had besides. */
interface BuiltTable {
  name: string;
  columns: Readonly<Record<string, string>>;
  /** Of columns that its writer may leave out. */
  defaults: Readonly<Record<string, string>>;
}

const VECTOR = BATCH_COLUMNS.embedding;

const NOW = 'CURRENT_TIMESTAMP';

/** No column but the id and the text must have a value: a memory of an older version may lack any. */
const BUILT_TABLES: Readonly<Record<Kind, BuiltTable>> = {
  conversation: {
    name: 'conversations_v2',
    columns: {
      id: 'VARCHAR',
      content: 'VARCHAR',
      embedding: VECTOR,
      category: 'VARCHAR',
      subcategory: 'VARCHAR',
      importance_score: 'FLOAT',
      memory_tier: 'VARCHAR',
      access_count: 'INTEGER',
      last_accessed: 'TIMESTAMP',
      project: 'VARCHAR',
      namespace: 'VARCHAR',
      timestamp: 'TIMESTAMP',
      session_id: 'VARCHAR',
      user_id: 'VARCHAR',
      searchable_content: 'VARCHAR',
      reasoning: 'VARCHAR',
      metadata: 'VARCHAR',
      source_type: 'VARCHAR',
      turn_parent_id: 'VARCHAR',
      causal_parent_id: 'VARCHAR',
      fingerprint: 'BLOB',
    },
    defaults: {
      importance_score: '0.5',
      memory_tier: `'long_term'`,
      access_count: '0',
      namespace: `'default'`,
      timestamp: NOW,
      user_id: `'default'`,
    },
  },
  reflection: {
    name: 'reflections_v2',
    columns: {
      id: 'VARCHAR',
      conversation_id: 'VARCHAR',
      content: 'VARCHAR',
      embedding: VECTOR,
      category: 'VARCHAR',
      subcategory: 'VARCHAR',
      importance_score: 'FLOAT',
      memory_tier: 'VARCHAR',
      tags: 'VARCHAR[]',
      related_entities: 'VARCHAR[]',
      namespace: 'VARCHAR',
      project: 'VARCHAR',
      access_count: 'INTEGER',
      last_accessed: 'TIMESTAMP',
      timestamp: 'TIMESTAMP',
      created_at: 'TIMESTAMP',
      updated_at: 'TIMESTAMP',
      metadata: 'JSON',
      insight_type: 'VARCHAR',
      usage_count: 'INTEGER',
      last_used_at: 'TIMESTAMP',
      confidence_score: 'FLOAT',
      fingerprint: 'BLOB',
      source_session_id: 'VARCHAR',
      source_artifact_uri: 'VARCHAR',
    },
    defaults: {
      category: `'context'`,
      importance_score: '0.5',
      memory_tier: `'long_term'`,
      namespace: `'default'`,
      access_count: '0',
      timestamp: NOW,
      created_at: NOW,
      updated_at: NOW,
    },
  },
  entity: {
    name: 'kg_entities',
    columns: {
      id: 'VARCHAR',
      name: 'VARCHAR',
      entity_type: 'VARCHAR',
      observations: 'VARCHAR[]',
      properties: 'JSON',
      created_at: 'TIMESTAMP',
      updated_at: 'TIMESTAMP',
      metadata: 'JSON',
      embedding: VECTOR,
    },
    defaults: { created_at: NOW, updated_at: NOW },
  },
  relation: {
    name: 'kg_relationships',
    columns: {
      id: 'VARCHAR',
      from_entity: 'VARCHAR',
      to_entity: 'VARCHAR',
      relation_type: 'VARCHAR',
      properties: 'JSON',
      created_at: 'TIMESTAMP',
      updated_at: 'TIMESTAMP',
      metadata: 'JSON',
    },
    defaults: { created_at: NOW, updated_at: NOW },
  },
};

/** Where a column's value comes from, of those that are not in `fields`. */
const OF_ITS_OWN: Readonly<Record<string, string>> = {
  id: 'memory_id',
  content: 'content',
  // Session-Buddy writes the text itself there.
  searchable_content: 'content',
  project: 'project',
  tags: 'tags',
  embedding: `TRY_CAST(embedding AS ${VECTOR})`,
  // Derived from the text by Session-Buddy, and anew where it is missing.
  fingerprint: 'NULL',
};

/** `extra`: names of columns that the tables above do not have. Kept, as text. */
export function createTableSql(catalog: string, kind: Kind, extra: readonly string[]): string {
  const { name, columns, defaults } = BUILT_TABLES[kind];
  const known = Object.entries(columns).map(([column, type]) => {
    const initial = defaults[column] === undefined ? '' : ` DEFAULT ${defaults[column]}`;
    return `${quoteName(column)} ${type}${column === 'id' ? ' PRIMARY KEY' : initial}`;
  });
  const others = extra.map((column) => `${quoteName(column)} VARCHAR`);
  return `CREATE TABLE ${catalog}.main.${quoteName(name)} (${[...known, ...others].join(', ')})`;
}

/** From a relation of the row format's columns, `fields` as JSON. Raises where a value is not of its column's type. */
export function insertSql(catalog: string, kind: Kind, extra: readonly string[], rows: string): string {
  const { name, columns } = BUILT_TABLES[kind];
  const sources = [...Object.entries(columns), ...extra.map((column) => [column, 'VARCHAR'] as const)].map(
    ([column, type]) => ({ column, value: OF_ITS_OWN[column] ?? fieldSql(column, type) }),
  );
  return (
    `INSERT INTO ${catalog}.main.${quoteName(name)} (${sources.map(({ column }) => quoteName(column)).join(', ')}) ` +
    `SELECT ${sources.map(({ value }) => value).join(', ')} FROM ${rows} WHERE kind = ${quoteText(kind)}`
  );
}

function fieldSql(column: string, type: string): string {
  // A JSON pointer (RFC 6901), because DuckDB's paths take no quote within a name.
  const pointer = quoteText(`/${column.replaceAll('~', '~0').replaceAll('/', '~1')}`);
  return type.endsWith('[]')
    ? `CAST(json_extract(fields, ${pointer}) AS ${type})`
    : `CAST(json_extract_string(fields, ${pointer}) AS ${type})`;
}

/** Whether the built table, or the row format itself, has a place for a field. SQL's names have no case. */
export function isKnownField(kind: Kind, field: string): boolean {
  const name = field.toLowerCase();
  return Object.hasOwn(BUILT_TABLES[kind].columns, name) || Object.hasOwn(OF_ITS_OWN, name);
}

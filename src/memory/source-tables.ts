import type { Kind } from '../contract/index.js';

/** How a source column enters the content hash. */
export type HashedType = 'text' | 'list' | 'number' | 'timestamp';

export interface HashedColumn {
  name: string;
  type: HashedType;
}

/** A table of a Session-Buddy database that holds memories of one kind. */
export interface SourceTable {
  name: string;
  /** Where two tables of one upload hold the same memory, the lower rank wins: `_v2` before legacy. */
  rank: number;
}

export interface KindDefinition {
  tables: readonly SourceTable[];
  /**
   * The columns whose change makes a new version of a memory, in hash order. Never reordered, never extended:
   * a new list needs a new kind of hash.
   */
  hashed: readonly HashedColumn[];
  /** Own time: the first of these columns that is not null. Never `updated_at`. */
  ownTime: readonly string[];
}

const text = (name: string): HashedColumn => ({ name, type: 'text' });
const list = (name: string): HashedColumn => ({ name, type: 'list' });
const number = (name: string): HashedColumn => ({ name, type: 'number' });
const timestamp = (name: string): HashedColumn => ({ name, type: 'timestamp' });

/**
 * The four kinds as Session-Buddy's databases keep them. Left out of the hash on purpose: counters that
 * change by reading (`access_count`, `last_accessed`, `usage_count`, `last_used_at`), `updated_at`, vectors,
 * and what is derived from the content (`searchable_content`, `fingerprint`). Source: the schemas written by
 * Session-Buddy 0.23 to 0.36.
 */
export const KIND_DEFINITIONS: Readonly<Record<Kind, KindDefinition>> = {
  conversation: {
    tables: [
      { name: 'conversations_v2', rank: 0 },
      { name: 'conversations', rank: 1 },
    ],
    hashed: [
      text('content'),
      text('category'),
      text('subcategory'),
      number('importance_score'),
      text('memory_tier'),
      text('project'),
      text('namespace'),
      timestamp('timestamp'),
      text('session_id'),
      text('user_id'),
      text('reasoning'),
      text('metadata'),
      text('source_type'),
      text('turn_parent_id'),
      text('causal_parent_id'),
    ],
    ownTime: ['created_at', 'timestamp'],
  },
  reflection: {
    tables: [
      { name: 'reflections_v2', rank: 0 },
      { name: 'reflections', rank: 1 },
    ],
    hashed: [
      text('content'),
      text('category'),
      text('subcategory'),
      number('importance_score'),
      text('memory_tier'),
      list('tags'),
      list('related_entities'),
      text('project'),
      text('namespace'),
      timestamp('timestamp'),
      timestamp('created_at'),
      text('conversation_id'),
      text('insight_type'),
      number('confidence_score'),
      text('metadata'),
    ],
    ownTime: ['created_at', 'timestamp'],
  },
  entity: {
    tables: [{ name: 'kg_entities', rank: 0 }],
    hashed: [
      text('name'),
      text('entity_type'),
      list('observations'),
      text('properties'),
      timestamp('created_at'),
      text('metadata'),
    ],
    ownTime: ['created_at'],
  },
  relation: {
    tables: [{ name: 'kg_relationships', rank: 0 }],
    hashed: [
      text('from_entity'),
      text('to_entity'),
      text('relation_type'),
      text('properties'),
      timestamp('created_at'),
      text('metadata'),
    ],
    ownTime: ['created_at'],
  },
};

import type { Kind } from '../contract/index.js';

/**
 * The model that hosts' vectors come from, 384 numbers compared by cosine: only vectors of one model can be. A store may be moved to another
 * model of as many dimensions; a vector that an upload brings is of this one by its format.
 */
export const EMBEDDING_DIMENSIONS = 384;
export const EMBEDDING_MODEL = 'all-MiniLM-L6-v2';

/** What a model may be called: it is the name of a folder too. */
export const MODEL_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;

/** In characters. Ids are keys of the catalog and stand in URLs; those of real hosts are hashes and UUIDs. None is empty or holds a NUL, which SQLite's functions take for its end. */
export const MAX_MEMORY_ID_LENGTH = 1024;

/** In bytes of UTF-8. The longest real ones are some hundred kilobytes; each is held in memory whole, several times over, where it is indexed. */
export const MAX_CONTENT_BYTES = 16 * 1024 ** 2;

/** A row of a batch, as the catalog has to know it. */
export interface RowKey {
  /** Its place in the batch. */
  n: number;
  kind: Kind;
  memoryId: string;
  hash: string;
  /** Milliseconds since 1970. */
  ownTime: number;
  project: string | null;
}

/** The columns of a list of memories that the store has: CSV without a header and without quotes. */
export const KNOWN_COLUMNS = {
  /** The store's own number of the memory. */
  pid: 'BIGINT',
  kind: 'VARCHAR',
  /** `contentHash` of what the store has. */
  hash: 'VARCHAR',
  /** Its UTF-8 in hex, because an id may hold any character. */
  memory_id_hex: 'VARCHAR',
} as const;

/** The columns of the one Parquet that a reader makes of an upload: one row per key, before any of the server's own columns are added. */
export const BATCH_COLUMNS = {
  kind: 'VARCHAR',
  memory_id: 'VARCHAR',
  /** `contentHash`, lower-case hex. */
  hash: 'VARCHAR',
  /**
   * What is searched and shown: the text; for an entity its name, type and observations; for a relation its
   * two names and type.
   */
  content: 'VARCHAR',
  project: 'VARCHAR',
  tags: 'VARCHAR[]',
  /** UTC. */
  own_time: 'TIMESTAMP',
  /** Every other column of the source, as a JSON object. */
  fields: 'VARCHAR',
  /** Null where missing, of another length, or holding a NaN. */
  embedding: `FLOAT[${EMBEDDING_DIMENSIONS}]`,
} as const;

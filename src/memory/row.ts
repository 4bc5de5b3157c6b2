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

/**
 * The columns of the Parquet that a reader process hands over, one file per database: one row per memory,
 * before any of the server's own columns (row id, operation, order, own time in UTC) are added.
 */
export const EXPORTED_COLUMNS = {
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
  /** By the writer's own clock; null where the source has none. */
  source_time: 'TIMESTAMP',
  /** Whether it is UTC instead, because the source says its zone. Null where there is no time. */
  time_is_utc: 'BOOLEAN',
  /** Every other column of the source, as a JSON object. */
  fields: 'VARCHAR',
  /** Null where missing, of another length, or holding a NaN. */
  embedding: `FLOAT[${EMBEDDING_DIMENSIONS}]`,
  /** Rank of the source table: the lower wins where one upload holds a memory twice. */
  source_rank: 'INTEGER',
} as const;

/** The columns of the one Parquet that the exports of an upload are merged into: one row per key. */
export const BATCH_COLUMNS = {
  kind: 'VARCHAR',
  memory_id: 'VARCHAR',
  hash: 'VARCHAR',
  content: 'VARCHAR',
  project: 'VARCHAR',
  tags: 'VARCHAR[]',
  /** UTC. */
  own_time: 'TIMESTAMP',
  fields: 'VARCHAR',
  embedding: `FLOAT[${EMBEDDING_DIMENSIONS}]`,
} as const;

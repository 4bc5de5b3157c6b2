import { createHash } from 'node:crypto';
import type { Kind } from '../contract/index.js';
import { KIND_DEFINITIONS, type HashedColumn } from './source-tables.js';

/**
 * The content hash: SHA-256, in lower-case hex, over `akosha1:<kind>;` and the listed columns of the kind in
 * order. A null, or a column the source does not have, is `-;`. Any other value is `<bytes>:<text>;` in
 * UTF-8, so that no two rows share an encoding. Text is taken as it is; a timestamp is its microseconds since
 * 1970 on the writer's own clock, without a zone; a number is millionths, rounded half away from zero (`nan`
 * where that does not fit 64 bits), because SQL and TypeScript print floats differently; a list is
 * `[<length>]` followed by its elements.
 *
 * `contentHashSql` and `contentHash` are the one definition in two languages; a test holds them together.
 */
const VERSION = 'akosha1';

export type HashedValue = string | number | bigint | readonly (string | null)[] | null;

/** A SQL expression over a source table. `available` are the columns that the table has. */
export function contentHashSql(kind: Kind, available: ReadonlySet<string>): string {
  const parts = KIND_DEFINITIONS[kind].hashed.map((column) =>
    available.has(column.name) ? columnSql(column) : `'-;'`,
  );
  // None is null, which `concat` would leave out without a word. It puts them together at once, where `||` copies a text once for each.
  return `sha256(concat('${VERSION}:${kind};', ${parts.join(', ')}))`;
}

/**
 * The hash of a version that says "deleted": by it a row of a journal or a cold object is known for one. No memory has it, because
 * what is hashed of a memory begins with `akosha1:`.
 */
export const DELETED_HASH = createHash('sha256').update('deleted').digest('hex');

function columnSql({ name, type }: HashedColumn): string {
  const column = `"${name}"`;
  switch (type) {
    case 'text':
      return textSql(`CAST(${column} AS VARCHAR)`);
    case 'timestamp':
      return textSql(`CAST(epoch_us(TRY_CAST(${column} AS TIMESTAMP)) AS VARCHAR)`);
    case 'number':
      return `CASE WHEN ${column} IS NULL THEN '-;' ELSE ${textSql(numberSql(column))} END`;
    case 'list':
      return (
        `coalesce('[' || len(${column}) || ']' || coalesce(list_aggregate(list_transform(` +
        `CAST(${column} AS VARCHAR[]), lambda x: ${textSql('x')}), 'string_agg', ''), ''), '-;')`
      );
  }
}

function textSql(expression: string): string {
  return `coalesce(strlen(${expression}) || ':' || ${expression} || ';', '-;')`;
}

function numberSql(column: string): string {
  return `coalesce(CAST(try_cast(round(TRY_CAST(${column} AS DOUBLE) * 1000000) AS BIGINT) AS VARCHAR), 'nan')`;
}

/**
 * The same for one row in memory. Timestamps are microseconds since 1970 on the writer's clock; numbers that
 * the source keeps as 32-bit floats are passed as such (`Math.fround`). A missing value counts as null.
 */
export function contentHash(kind: Kind, row: Readonly<Record<string, HashedValue | undefined>>): string {
  const hash = createHash('sha256').update(`${VERSION}:${kind};`);
  for (const column of KIND_DEFINITIONS[kind].hashed) hash.update(encode(column, row[column.name] ?? null));
  return hash.digest('hex');
}

function encode(column: HashedColumn, value: HashedValue): string {
  if (value === null) return '-;';
  if (typeof value === 'object') return `[${value.length}]${value.map(encodeText).join('')}`;
  return encodeText(column.type === 'number' ? millionths(Number(value)) : String(value));
}

function encodeText(value: string | null): string {
  return value === null ? '-;' : `${Buffer.byteLength(value)}:${value};`;
}

/** One past the greatest, and the least, that SQL's BIGINT holds. */
const INT64_LIMIT = 2 ** 63;

function millionths(value: number): string {
  const scaled = value * 1_000_000;
  const rounded = Math.sign(scaled) * Math.round(Math.abs(scaled));
  if (Number.isNaN(rounded) || rounded >= INT64_LIMIT || rounded < -INT64_LIMIT) return 'nan';
  return BigInt(rounded).toString();
}

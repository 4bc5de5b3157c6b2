import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { KINDS } from '../../contract/index.js';
import type { ReaderPool } from '../../reader/index.js';
import { keyOf } from '../memory-pages.js';

const Listed = z.object({ kind: z.enum(KINDS), memory_id: z.string(), hash: z.string() });
type Listed = z.infer<typeof Listed>;

export interface Comparison {
  /** Memories that stand in the databases with the hash they have in the store. */
  restored: number;
  /** The others, by kind and id: missing, with another hash, or not asked for. */
  mismatched: string[];
}

/**
 * Reads databases as the server reads an upload, and compares the content hash of every memory with that of the store: JSON lines in order of
 * kind and id in the file `expected`. `scratch` is an existing folder, and takes as much as the databases.
 */
export async function compareDatabases(
  reader: ReaderPool,
  databases: readonly string[],
  expected: string,
  scratch: string,
): Promise<Comparison> {
  const merged = join(scratch, 'compare.parquet');
  // Times and zone enter no hash.
  const times = { timeZone: 'UTC', uploadedAt: 0, asOf: Date.now() };
  await reader.readDatabases({
    databases: databases.map((stored) => ({ stored })),
    output: merged,
    ...times,
  });
  const list = join(scratch, 'compare.jsonl');
  await reader.listRows({ rows: merged, scratch, output: list });
  return compareLists(list, expected);
}

/** Both are in one order, so that neither has to be held: a system may have millions. */
async function compareLists(found: string, expected: string): Promise<Comparison> {
  const comparison: Comparison = { restored: 0, mismatched: [] };
  const [left, right] = [linesOf(found), linesOf(expected)];
  let [one, other] = [await nextOf(left), await nextOf(right)];
  while (one !== undefined || other !== undefined) {
    const order = compareKeys(one, other);
    const [here, there] = [order <= 0 ? one : undefined, order >= 0 ? other : undefined];
    if (here !== undefined && here.hash === there?.hash) comparison.restored += 1;
    else comparison.mismatched.push(...[here ?? there].filter(isListed).map(keyOf));
    if (here !== undefined) one = await nextOf(left);
    if (there !== undefined) other = await nextOf(right);
  }
  return comparison;
}

function isListed(row: Listed | undefined): row is Listed {
  return row !== undefined;
}

async function* linesOf(file: string): AsyncGenerator<Listed, undefined> {
  for await (const line of createInterface({ input: createReadStream(file), crlfDelay: Infinity }))
    yield Listed.parse(JSON.parse(line));
  return undefined;
}

async function nextOf(lines: AsyncGenerator<Listed, undefined>): Promise<Listed | undefined> {
  return (await lines.next()).value;
}

/** By kind, then by the bytes of the id, as the server's pages and DuckDB's order have it; the end of a list is behind everything. */
function compareKeys(a: Listed | undefined, b: Listed | undefined): number {
  if (a === undefined || b === undefined) return a === undefined ? 1 : -1;
  return compareText(a.kind, b.kind) || compareText(a.memory_id, b.memory_id);
}

function compareText(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

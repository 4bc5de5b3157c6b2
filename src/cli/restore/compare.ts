import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { KINDS } from '../../contract/index.js';
import type { ReaderPool } from '../../reader/index.js';
import { keyOf } from './collect.js';

const Listed = z.object({ kind: z.enum(KINDS), memory_id: z.string(), hash: z.string() });

export interface Comparison {
  /** Memories that stand in the databases with the hash they have in the store. */
  restored: number;
  /** The others, by kind and id: missing, with another hash, or not asked for. */
  mismatched: string[];
}

/**
 * Reads databases as the server reads an upload, and compares the content hash of every memory with that of the store. `scratch` is an
 * existing folder, and takes as much as the databases.
 */
export async function compareDatabases(
  reader: ReaderPool,
  databases: readonly string[],
  expected: ReadonlyMap<string, string>,
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
  return compareWith(list, expected);
}

async function compareWith(list: string, expected: ReadonlyMap<string, string>): Promise<Comparison> {
  const missing = new Set(expected.keys());
  const mismatched: string[] = [];
  let restored = 0;
  for await (const line of createInterface({ input: createReadStream(list), crlfDelay: Infinity })) {
    const row = Listed.parse(JSON.parse(line));
    const key = keyOf(row);
    missing.delete(key);
    if (expected.get(key) === row.hash) restored += 1;
    else mismatched.push(key);
  }
  return { restored, mismatched: [...mismatched, ...missing] };
}

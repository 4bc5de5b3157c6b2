import { mkdir, open } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { AkoshaError, KINDS, type SystemId } from '../../contract/index.js';
import type { ReaderPool } from '../../reader/index.js';
import { inScratch } from '../../runtime/index.js';
import type { ApiClient } from '../api-client.js';
import { memoryPages, type MemoryFilters, type PagedMemory } from '../memory-pages.js';
import { putInPlace, refuseExisting } from '../place-files.js';
import { count, nothingCollected, type Collected } from '../restore/collect.js';
import { compareDatabases, type Comparison } from '../restore/compare.js';

export const EXPORT_FORMATS = ['parquet', 'jsonl', 'duckdb'] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

export interface ExportRequest {
  systemId: SystemId;
  format: ExportFormat;
  filters: MemoryFilters;
  /** The file; its folder is made where there is none. */
  file: string;
  onProgress: (text: string) => void;
}

export interface Exported extends Collected, Comparison {
  file: string;
}

const REMEDY = 'an export overwrites nothing: move it away, or name another file with --out';

/**
 * Writes the current memories of a system, from all tiers, to one file, and compares the content hash of each with the store's by making a
 * Session-Buddy database of what the file holds. The file appears last, whole, also where hashes differ, because what is right in it is worth
 * having: the answer names the memories that are not. Holds a page of memories at a time, whatever the system has.
 *
 * Raises `BadRequest` where the file exists, `MemoryUnknown` where there is nothing to export.
 */
export async function exportSystem(
  api: ApiClient,
  reader: ReaderPool,
  { systemId, format, filters, file, onProgress }: ExportRequest,
): Promise<Exported> {
  const target = resolve(file);
  await refuseExisting(target, REMEDY);
  await mkdir(dirname(target), { recursive: true });
  // Beside the outcome: on the same file system, so that putting it in place is no copy.
  return inScratch(dirname(target), '.export-', async (scratch) => {
    const rows = join(scratch, 'rows.jsonl');
    const collected = await writeRows(rows, memoryPages(api, systemId, filters), systemId, onProgress);
    if (collected.memories === 0) {
      throw new AkoshaError(
        'MemoryUnknown',
        `the server at ${api.url} has no such memories of system ${systemId}: \`akosha search\` shows whose a memory is`,
      );
    }
    onProgress(`writing: ${collected.memories} memories`);
    const { product, database } = await WRITERS[format](reader, rows, scratch);
    onProgress(`comparing: ${collected.memories} memories`);
    const compared = await compareDatabases(reader, [database], rows, scratch);
    await putInPlace([product], [target], REMEDY);
    return { file: target, ...collected, ...compared };
  });
}

async function writeRows(
  file: string,
  pages: AsyncIterable<PagedMemory[]>,
  systemId: SystemId,
  onProgress: (text: string) => void,
): Promise<Collected> {
  const collected = nothingCollected();
  const handle = await open(file, 'wx');
  try {
    for await (const memories of pages) {
      await handle.write(memories.map((memory) => lineOf(systemId, memory)).join(''));
      for (const memory of memories) count(collected, memory);
      onProgress(`reading: ${collected.memories} memories`);
    }
    return collected;
  } finally {
    await handle.close();
  }
}

/**
 * `fields` as the object that it is, digit for digit: to parse it would round numbers. Outside of its texts, which hold none, a line break
 * is as good as a space.
 */
function lineOf(systemId: SystemId, { fields, ...memory }: PagedMemory): string {
  const rest = JSON.stringify({ system_id: systemId, ...memory });
  return `${rest.slice(0, -1)},"fields":${fields.replaceAll(/[\r\n]/g, ' ')}}\n`;
}

interface Written {
  /** What is exported. */
  product: string;
  /** A Session-Buddy database of what that holds. */
  database: string;
}

type Writer = (reader: ReaderPool, rows: string, scratch: string) => Promise<Written>;

const WRITERS: Readonly<Record<ExportFormat, Writer>> = {
  jsonl: async (reader, rows, scratch) => ({
    product: rows,
    database: await buildDatabase(reader, rows, scratch),
  }),
  duckdb: async (reader, rows, scratch) => {
    const database = await buildDatabase(reader, rows, scratch);
    return { product: database, database };
  },
  parquet: async (reader, rows, scratch) => {
    const product = join(scratch, 'rows.parquet');
    await reader.packRows({ rows, scratch, output: product });
    const read = join(scratch, 'read-back.jsonl');
    await reader.listRows({ rows: product, scratch, output: read });
    return { product, database: await buildDatabase(reader, read, scratch) };
  },
};

async function buildDatabase(reader: ReaderPool, rows: string, scratch: string): Promise<string> {
  const output = join(scratch, 'built.duckdb');
  await reader.buildDatabase({ rows, kinds: KINDS, scratch, output });
  return output;
}

import { createReadStream, createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { DuckDBConnection } from '@duckdb/node-api';
import { MAX_CONTENT_BYTES } from '../memory/index.js';
import { brokenRule, foreignFault, SOURCE, type ForeignFile } from './database-file.js';
import type { DatabaseJob, ReadRows, WithConnection } from './export-database.js';
import { JsonListSplitter, type ListElement } from './json-list.js';
import { ITEM_COLUMNS, readItem, type Refusal } from './memory-item.js';
import { quoteName, quoteText } from './sandbox.js';
import { MIN_ROW_BYTES, tooLarge, writeExport } from './write-export.js';

/** As receipts name it; another number when it finds what this one does not. */
const READER = 'akosha-json 1';

/** The longest text, and half as much for its escapes, the vector and the metadata. Held in memory three times. */
const MAX_ITEM_BYTES = 1.5 * MAX_CONTENT_BYTES;

/** DuckDB's buffers are twice as long as the longest line may be: no longer than need be, for a reader's memory is small, nor so short that each takes a moment's work. */
const MIN_BUFFERED_BYTES = 1_048_576;

/** Of a stream's buffer: more elements than a chunk holds do not wait in memory. */
const CHUNK_BYTES = 1_048_576;

/** The one list that the format has. */
const LIST = 'conversations';

/**
 * Reads a `memories.json` as the original consumer defines it, and writes its conversations as an export of the table of that
 * name. One element is in memory at a time. What cannot be a conversation is counted with its reason; what is no JSON as a whole
 * raises `UploadUnreadable`, as a file above the limits does.
 */
export async function readMemories(
  job: DatabaseJob,
  file: ForeignFile,
  withConnection: WithConnection,
): Promise<ReadRows> {
  const lines = join(job.work, 'lines.json');
  const { refused, longest } = await writeLines(job, file, lines);
  // The folder has room for the file once more, not for three of it.
  await rm(file.path);
  const { rows, skipped, ...written } = await withConnection(async (connection) => {
    try {
      await loadLines(connection, { lines, longest, database: join(job.work, 'memories.duckdb') });
      await rm(lines);
      return await writeExport(connection, file, job);
    } catch (error) {
      throw foreignFault(file, error);
    }
  });
  const all = [...refused.values()].reduce((sum, count) => sum + count, 0);
  return {
    rows,
    skipped: { conversation: (skipped.conversation ?? 0) + all },
    refused: Object.fromEntries(refused),
    reader: READER,
    ...written,
  };
}

interface Written {
  refused: ReadonlyMap<Refusal, number>;
  /** In bytes, of the lines. */
  longest: number;
}

/** Writes a line for each conversation, and counts what is none. */
async function writeLines(job: DatabaseJob, file: ForeignFile, path: string): Promise<Written> {
  const refused = new Map<Refusal, number>();
  let longest = 0;
  await pipeline(
    createReadStream(file.path, { highWaterMark: CHUNK_BYTES }),
    async function* (chunks: AsyncIterable<Buffer>) {
      for await (const element of elementsOf(job, file, chunks)) {
        const item = readItem(element);
        if (typeof item === 'string') {
          refused.set(item, (refused.get(item) ?? 0) + 1);
          continue;
        }
        const line = Buffer.from(`${JSON.stringify(item)}\n`);
        longest = Math.max(longest, line.length);
        yield line;
      }
    },
    createWriteStream(path, { mode: 0o600 }),
  );
  return { refused, longest };
}

async function* elementsOf(
  job: DatabaseJob,
  file: ForeignFile,
  chunks: AsyncIterable<Buffer>,
): AsyncGenerator<ListElement> {
  const splitter = new JsonListSplitter(LIST, MAX_ITEM_BYTES, (rule) => brokenRule(file, rule));
  let elements = 0;
  for await (const chunk of chunks) {
    for (const element of splitter.push(chunk)) {
      // Not after they are all read: an element can be two bytes long.
      if (++elements * MIN_ROW_BYTES > job.maxRawBytes)
        throw tooLarge(job, file, `has ${elements} rows or more, which come to`, `at ${MIN_ROW_BYTES} each`);
      yield element;
    }
  }
  splitter.end();
}

/** Makes the table that `writeExport` finds, in a file, so that it need not fit in memory. */
async function loadLines(
  connection: DuckDBConnection,
  { lines, longest, database }: { lines: string; longest: number; database: string },
): Promise<void> {
  const columns = Object.entries(ITEM_COLUMNS).map(
    ([name, type]) => `${quoteName(name)}: ${quoteText(type)}`,
  );
  await connection.run(`ATTACH ${quoteText(database)} AS ${SOURCE} (TYPE duckdb)`);
  await connection.run(
    `CREATE TABLE ${SOURCE}.main.${LIST} AS FROM read_json(${quoteText(lines)}, format = 'newline_delimited',
       maximum_object_size = ${Math.max(longest, MIN_BUFFERED_BYTES)}, columns = {${columns.join(', ')}})`,
  );
}

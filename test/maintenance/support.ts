import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { ForgetScope, UploadRef } from '../../src/contract/index.js';
import { forgetIntake, ingestUpload, registerUpload } from '../../src/ingest/index.js';
import {
  erasePass,
  finishForget,
  moveToCold,
  moveToWarm,
  planTransition,
  requestForget,
  type ForgetContext,
} from '../../src/maintenance/index.js';
import type { ForgetReceipt } from '../../src/memory/index.js';
import { openIngestWorld, originalId, putOriginal, type IngestWorld } from '../ingest/support.js';
import { temporaryFolder } from '../reader/support.js';
import { makeDatabase, query } from '../support/databases.js';

export interface Conversation {
  id: string;
  text: string;
  project?: string;
  /** ISO 8601, by default of the upload's day. */
  at?: string;
}

/** Ingest and maintenance over one folder. */
export interface ForgetWorld extends IngestWorld {
  forget: ForgetContext;
  /** Uploads and ingests all that a host has. */
  upload(systemId: string, memories: readonly Conversation[]): Promise<UploadRef>;
  /** Puts an upload and does not ingest it. */
  put(systemId: string, memories: readonly Conversation[]): Promise<UploadRef>;
  age(asOf: string): Promise<void>;
  /** All of a forget, without the pauses of its workflow. */
  forgetAll(scope: ForgetScope): Promise<ForgetReceipt>;
  /** Texts of a system's conversations, as an export has them. */
  texts(systemId: string): Promise<string[]>;
  /** The texts that stand in journal and cold objects. */
  textsInObjects(): Promise<string[]>;
  /** Which files of the folder have these bytes in them. */
  filesWith(bytes: string): Promise<string[]>;
}

export async function openForgetWorld(options: { vectorIndexBytes?: number } = {}): Promise<ForgetWorld> {
  const world = await openIngestWorld(undefined, options);
  const forget: ForgetContext = {
    store: world.store,
    archive: world.archive,
    uploads: world.uploads,
    scratch: join(world.folder, 'scratch'),
    batchRows: 1000,
    longestMs: 0,
    thawedMs: 0,
    now: Date.now,
    intake: forgetIntake(world.context),
    dropDerived: () => undefined,
  };
  const put = async (systemId: string, memories: readonly Conversation[]): Promise<UploadRef> => {
    const ref = { systemId, uploadId: originalId() };
    await putOriginal(world.uploads, ref, { 'reflection.duckdb.gz': await databaseOf(memories) });
    return ref;
  };
  return {
    ...world,
    forget,
    put,
    upload: async (systemId, memories) => {
      const ref = await put(systemId, memories);
      await registerUpload(world.context, ref);
      await ingestUpload(world.context, ref);
      return ref;
    },
    age: async (time) => {
      const asOf = Date.parse(time);
      while ((await moveToWarm(forget, asOf)).due > 0);
      const { partitions } = await planTransition(forget, { asOf, all: true });
      for (const partition of partitions) await moveToCold(forget, asOf, partition);
    },
    forgetAll: async (scope) => {
      await requestForget(forget, scope);
      while (!isNothing(await erasePass(forget, scope)));
      return finishForget(forget, scope);
    },
    texts: async (systemId) => {
      const { memories } = await world.store.listMemories(systemId, { limit: 100 });
      return memories.map(({ content }) => content).toSorted();
    },
    textsInObjects: async () => {
      const files = (await filesUnder(join(world.folder, 'archive'))).filter((file) =>
        file.endsWith('.parquet'),
      );
      const rows = await Promise.all(
        files.map((file) => query(`SELECT content FROM read_parquet('${file}', hive_partitioning = false)`)),
      );
      return rows
        .flat()
        .map(({ content }) => String(content))
        .toSorted();
    },
    filesWith: async (bytes) => {
      const files = await filesUnder(world.folder);
      const found = await Promise.all(files.map(async (file) => (await readFile(file)).includes(bytes)));
      return files.filter((_file, i) => found[i]).map((file) => file.slice(world.folder.length + 1));
    },
  };
}

function isNothing(pass: object): boolean {
  return Object.values(pass).every((count) => count === 0);
}

async function filesUnder(folder: string): Promise<string[]> {
  const found = await readdir(folder, { recursive: true, withFileTypes: true });
  return found.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
}

async function databaseOf(memories: readonly Conversation[]): Promise<Buffer> {
  const file = join(await temporaryFolder(), 'reflection.duckdb');
  const quote = (text: string): string => `'${text.replaceAll("'", "''")}'`;
  const rows = memories.map(
    ({ id, text, project, at = '2026-11-22T09:00:00' }) =>
      `(${quote(id)}, ${quote(text)}, ${project === undefined ? 'NULL' : quote(project)}, ${quote(at)})`,
  );
  await makeDatabase(
    file,
    'CREATE TABLE conversations_v2(id VARCHAR, content VARCHAR, project VARCHAR, timestamp TIMESTAMP)',
    `INSERT INTO conversations_v2 VALUES ${rows.join(', ')}`,
  );
  return gzipSync(await readFile(file));
}

import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { Kind, MemoryKey } from '../../../src/contract/index.js';
import {
  BatchAcceptor,
  ingestUpload,
  pollInbox,
  requireUpload,
  walkUploads,
} from '../../../src/ingest/index.js';
import type { ApiServices } from '../../../src/api/index.js';
import type { MemoryStore } from '../../../src/store/index.js';
import { prepareUpload, type HostOptions } from '../../../src/upload/index.js';
import { serve, type TestApi } from '../../api/support.js';
import { openIngestWorld, type IngestWorld } from '../../ingest/support.js';
import { makeDatabase } from '../../support/databases.js';
import { makeHost, type TestHost } from '../support.js';

export const TOKEN = 'a-token-of-the-tests';

type Accept = BatchAcceptor['accept'];

export interface TestServer extends IngestWorld {
  api: TestApi;
  /** Rows that came in so far, by call. */
  calls: number[];
  /** What the next calls do instead of storing; undefined: store. A double that injects faults. */
  inject(fault: ((accept: Accept, call: number) => Accept) | undefined): void;
}

/** A server as far as HTTP syncs need one: API, acceptor, ingest and store, on a folder of its own. */
export async function openServer(services: Partial<ApiServices> = {}): Promise<TestServer> {
  const world = await openIngestWorld();
  const options = { version: '1.2.3', now: Date.now, onStored: () => undefined };
  const acceptor = new BatchAcceptor(world.context, options);
  onTestFinished(async () => {
    await acceptor.close();
    await world.close();
  });
  const calls: number[] = [];
  let fault: ((accept: Accept, call: number) => Accept) | undefined;
  const accept: Accept = (source, rows) => acceptor.accept(source, rows);
  const acceptRows: Accept = (source, rows) => {
    calls.push(rows.length);
    return (fault?.(accept, calls.length) ?? accept)(source, rows);
  };
  const getUpload: ApiServices['getUpload'] = (ref) => requireUpload(world.store, ref);
  const api = await serve({ acceptRows, getUpload, ...services }, { apiToken: TOKEN });
  return { ...world, api, calls, inject: (next) => void (fault = next) };
}

/** A host without a bucket, with these memories. */
export async function httpHost(
  url: string,
  memories: Readonly<Record<string, string>> | 'sample' = { a: 'text a', b: 'text b', c: 'text c' },
  changes: Partial<HostOptions> = {},
): Promise<TestHost> {
  const methods = { objectStoreGiven: false, http: { url, token: TOKEN, timeoutMs: 10_000 } };
  if (memories === 'sample') return makeHost({ methods, ...changes });
  const folder = await mkdtemp(join(tmpdir(), 'akosha-test-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const database = join(folder, 'reflection.duckdb');
  await makeDatabase(
    database,
    `CREATE TABLE conversations_v2 (id VARCHAR PRIMARY KEY, content VARCHAR, "timestamp" TIMESTAMP, metadata VARCHAR)`,
    `CREATE TABLE reflections_v2 (id VARCHAR PRIMARY KEY, content VARCHAR, tags VARCHAR[], metadata JSON)`,
  );
  const host = await makeHost({ methods, databases: [database], ...changes });
  await remember(host, memories);
  return host;
}

/** Adds conversations, or changes them. */
export async function remember(
  { databases }: TestHost,
  memories: Readonly<Record<string, string>>,
): Promise<void> {
  const [database = ''] = databases;
  const rows = Object.entries(memories).map(
    ([id, text]) => `('${id}', '${text}', '2026-11-20 10:00:00', NULL)`,
  );
  await makeDatabase(database, `INSERT OR REPLACE INTO conversations_v2 VALUES ${rows.join(', ')}`);
}

/** Prepares an upload of the host as it is now, and gives its id. */
export async function prepared(host: TestHost, uploadId: string): Promise<string> {
  await prepareUpload(host, { uploadId });
  return uploadId;
}

/** Takes in everything that stands, as the server's loop and workflows do. Returns the counts of all receipts together. */
export async function ingestAll({
  store,
  context,
}: IngestWorld): Promise<{ uploads: number; new: number; changed: number; unchanged: number }> {
  await pollInbox(context);
  const counts = { uploads: 0, new: 0, changed: 0, unchanged: 0 };
  for (const systemId of await store.unfinishedSystems(100)) {
    for (
      let next = await store.nextUpload(systemId);
      next !== undefined;
      next = await store.nextUpload(systemId)
    ) {
      const { status, rows, reason } = await ingestUpload(context, next);
      if (status !== 'ingested') throw new Error(reason ?? status);
      counts.uploads += 1;
      counts.new += rows.new;
      counts.changed += rows.changed;
      counts.unchanged += rows.unchanged;
    }
  }
  return counts;
}

/** Another server, whose disk is empty, over what the first one's hosts have in object storage. */
export async function afterLosingItsDisk(server: IngestWorld): Promise<IngestWorld> {
  const world = await openIngestWorld();
  onTestFinished(() => world.close());
  const uploads = join('objects', 'systems');
  await cp(join(server.folder, uploads), join(world.folder, uploads), { recursive: true });
  await walkUploads(world.context, () => undefined);
  return world;
}

/** `<kind> <id>` and content hash of every memory in the host's databases. */
export async function rowsOnHost({ databases, reader, folder }: TestHost): Promise<Map<string, string>> {
  const rows = join(folder, 'expected.parquet');
  const output = join(folder, 'expected.jsonl');
  const times = { timeZone: 'UTC', uploadedAt: 0, asOf: 0 };
  await reader.readDatabases({ databases: databases.map((stored) => ({ stored })), output: rows, ...times });
  await reader.listRows({ rows, scratch: folder, output });
  const lines = (await readFile(output, 'utf8')).split('\n').filter((line) => line !== '');
  return new Map(
    lines.map((line) => {
      const { kind, memory_id, hash } = JSON.parse(line) as Record<string, string>;
      return [`${kind} ${memory_id}`, String(hash)];
    }),
  );
}

/** The same of what the store has of these keys. */
export async function rowsInStore(store: MemoryStore, keys: Iterable<string>): Promise<Map<string, string>> {
  const wanted: MemoryKey[] = [...keys].map((key) => {
    const at = key.indexOf(' ');
    return { systemId: 'host-1', kind: key.slice(0, at) as Kind, memoryId: key.slice(at + 1) };
  });
  const found = await store.fetch(wanted, ['hot', 'warm', 'cold']);
  return new Map(found.map(({ kind, memoryId, hash }) => [`${kind} ${memoryId}`, hash]));
}

/** The store's text of a conversation. */
export async function textOf(store: MemoryStore, memoryId: string): Promise<string | undefined> {
  const [found] = await store.fetch(
    [{ systemId: 'host-1', kind: 'conversation', memoryId }],
    ['hot', 'warm', 'cold'],
  );
  return found?.content;
}

/** Where nobody listens. */
export async function addressOfNobody(): Promise<string> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const bound = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (bound === null || typeof bound === 'string') throw new Error('it has no port');
  return `http://127.0.0.1:${bound.port}`;
}

import { copyFile, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { onTestFinished } from 'vitest';
import { NO_ROWS, receiptKey, type UploadRef } from '../../src/contract/index.js';
import {
  serializeManifest,
  type AkoshaManifestJson,
  type Manifest,
  type Receipt,
} from '../../src/memory/index.js';
import { openObjectStore, type ObjectStore } from '../../src/objects/index.js';
import {
  closeUpload,
  deliverUpload,
  openHost,
  type HostContext,
  type HostOptions,
} from '../../src/upload/index.js';
import { makeDatabase, SAMPLES } from '../support/databases.js';
import { sharedReader } from '../support/shared-reader.js';

export const NOW = Date.parse('2026-11-22T12:00:00Z');

export interface TestHost extends HostContext {
  folder: string;
  wallClock: () => number;
  storeUrl: string;
  databases: string[];
  /** What was logged, as text. */
  warnings: string[];
}

/** A host with a copy of the sample databases, its own data folder and an empty object store on disk. */
export async function makeHost(changes: Partial<HostOptions> = {}): Promise<TestHost> {
  const folder = await mkdtemp(join(tmpdir(), 'akosha-test-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  await mkdir(join(folder, 'databases'));
  const databases = ['reflection.duckdb', 'knowledge_graph.duckdb'].map((name) =>
    join(folder, 'databases', name),
  );
  for (const path of databases) await copyFile(join(SAMPLES, path.slice(path.lastIndexOf('/') + 1)), path);
  const storeUrl = pathToFileURL(join(folder, 'objects')).href;
  const warnings: string[] = [];
  const host = openHost({
    systemId: 'host-1',
    dataDir: join(folder, 'data'),
    uploads: await openObjectStore(storeUrl),
    reader: sharedReader(),
    timeZone: 'Europe/Berlin',
    now: () => NOW,
    log: { warn: (details, message) => warnings.push(`${message} ${JSON.stringify(details)}`) },
    rules: { forceMethod: 'auto', enableFallback: true, maxRetries: 0, retryBackoffMs: 1 },
    // Most tests take several snapshots of the same rows, and mean it.
    deduplicate: false,
    ...changes,
    databases: changes.databases ?? databases,
  });
  onTestFinished(() => host.close());
  const wallClock = changes.wallClock ?? Date.now;
  return { ...host, wallClock, databases: [...host.databases], folder, storeUrl, warnings };
}

/** Two databases of a row or two, where it does not matter what is in them: notes and a graph. */
export async function makeSmallHost(changes: Partial<HostOptions> = {}): Promise<TestHost> {
  const host = await makeHost(changes);
  const databases = ['notes.duckdb', 'graph.duckdb'].map((name) => join(host.folder, name));
  const [notes = '', graph = ''] = databases;
  await makeDatabase(
    notes,
    'CREATE TABLE conversations_v2(id VARCHAR, content VARCHAR)',
    `INSERT INTO conversations_v2 VALUES ('1', 'one')`,
  );
  await makeDatabase(
    graph,
    'CREATE TABLE kg_entities(id VARCHAR, name VARCHAR)',
    `INSERT INTO kg_entities VALUES ('1', 'api')`,
  );
  return { ...host, databases };
}

/** The same host over another object store: what is delivered goes there too. */
export function withUploads(host: TestHost, uploads: ObjectStore): TestHost {
  const { outbox: _open, methods: _over, ...options } = host;
  const other = openHost({ ...options, uploads });
  onTestFinished(() => other.close());
  return { ...host, ...other, databases: host.databases };
}

/** What will be the manifest of an upload in the outbox. */
export async function manifestIn({ outbox }: TestHost, uploadId: string): Promise<Manifest> {
  const queued = await outbox.files.find(uploadId);
  if (queued === undefined) throw new Error(`${uploadId} is not in the outbox`);
  return queued.manifest;
}

/** Names of the uploads whose snapshots wait, in order. */
export async function waitingIn({ outbox }: TestHost): Promise<string[]> {
  return (await outbox.files.list()).map(({ manifest }) => manifest.uploadId);
}

/** Delivers an upload and takes it out of the outbox. */
export async function deliverAndClose(host: TestHost, uploadId: string): Promise<void> {
  await deliverUpload(host, uploadId);
  await closeUpload(host, uploadId, undefined);
}

/** The same host after its process ended and another began. */
export function reopened(host: TestHost): TestHost {
  return withUploads(host, host.uploads);
}

/** All keys that stand, in no particular order. */
export async function keysOf(store: ObjectStore): Promise<string[]> {
  const keys: string[] = [];
  for await (const page of store.list('')) keys.push(...page.objects.map(({ key }) => key));
  return keys.sort();
}

export async function jsonOf(store: ObjectStore, key: string): Promise<Record<string, unknown>> {
  const json: Record<string, unknown> = JSON.parse((await store.get(key)).toString('utf8'));
  return json;
}

/** The bytes of a sound manifest without files. */
export function emptyManifest(ref: UploadRef, changes: Partial<AkoshaManifestJson> = {}): string {
  return serializeManifest({
    format_version: 1,
    upload_id: ref.uploadId,
    system_id: ref.systemId,
    timestamp: '2026-11-22T12:00:00.000Z',
    order: 1,
    previous_order: null,
    time_zone: 'UTC',
    files: [],
    omitted: [],
    metadata: { uploader: 'akosha', version: '0.1.0' },
    ...changes,
  });
}

/** A receipt that says that an upload was ingested. */
export function receiptOf({ systemId, uploadId }: UploadRef, changes: Partial<Receipt> = {}): Receipt {
  return {
    format_version: 1,
    upload_id: uploadId,
    system_id: systemId,
    status: 'ingested',
    order: 1,
    reader: 'duckdb',
    files: [],
    rows: NO_ROWS,
    reason: null,
    ingested_at: '2026-11-22T12:00:00Z',
    ...changes,
  };
}

/** Has the server say what became of an upload. */
export function putReceipt(host: TestHost, uploadId: string, changes: Partial<Receipt> = {}): Promise<void> {
  const ref = { systemId: host.systemId, uploadId };
  return host.uploads.put(receiptKey(ref), JSON.stringify(receiptOf(ref, changes)));
}

/**
 * The same store with a fault: `fault` may throw before a method is passed on. A double, because a real
 * server cannot be made to fail at one call.
 */
export function withFault(
  store: ObjectStore,
  fault: (method: string, ...args: unknown[]) => void,
): ObjectStore {
  return new Proxy(store, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]): unknown => {
        fault(String(name), ...args);
        return Reflect.apply(value, target, args);
      };
    },
  });
}

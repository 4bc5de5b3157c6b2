import { copyFile, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { onTestFinished } from 'vitest';
import type { UploadRef } from '../../src/contract/index.js';
import { serializeManifest, type AkoshaManifestJson } from '../../src/memory/index.js';
import { openObjectStore, type ObjectStore } from '../../src/objects/index.js';
import { ReaderPool } from '../../src/reader/index.js';
import type { HostContext } from '../../src/upload/index.js';
import { SAMPLES } from '../support/databases.js';

export const NOW = Date.parse('2026-11-22T12:00:00Z');

export interface TestHost extends HostContext {
  folder: string;
  storeUrl: string;
  databases: string[];
  /** What was logged, as text. */
  warnings: string[];
}

/** A host with a copy of the sample databases, its own data folder and an empty object store on disk. */
export async function makeHost(changes: Partial<HostContext> = {}): Promise<TestHost> {
  const folder = await mkdtemp(join(tmpdir(), 'akosha-test-'));
  const reader = new ReaderPool({ size: 1, memoryLimitMb: 256, jobTimeoutMs: 30_000 });
  onTestFinished(async () => {
    await reader.close();
    await rm(folder, { recursive: true, force: true });
  });
  await mkdir(join(folder, 'databases'));
  const databases = ['reflection.duckdb', 'knowledge_graph.duckdb'].map((name) =>
    join(folder, 'databases', name),
  );
  for (const path of databases) await copyFile(join(SAMPLES, path.slice(path.lastIndexOf('/') + 1)), path);
  const storeUrl = pathToFileURL(join(folder, 'objects')).href;
  const warnings: string[] = [];
  return {
    folder,
    storeUrl,
    warnings,
    systemId: 'host-1',
    dataDir: join(folder, 'data'),
    uploads: await openObjectStore(storeUrl),
    reader,
    timeZone: 'Europe/Berlin',
    now: () => NOW,
    log: { warn: (details, message) => warnings.push(`${message} ${JSON.stringify(details)}`) },
    ...changes,
    databases: [...(changes.databases ?? databases)],
  };
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

/**
 * The same store with a fault: `fault` may throw before a method is passed on. A double, because a real
 * server cannot be made to fail at one call.
 */
export function withFault(store: ObjectStore, fault: (method: string, key: unknown) => void): ObjectStore {
  return new Proxy(store, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]): unknown => {
        fault(String(name), args[0]);
        return Reflect.apply(value, target, args);
      };
    },
  });
}

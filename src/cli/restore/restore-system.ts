import { link, lstat, mkdir, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { AkoshaError, KINDS, type Kind, type SystemId } from '../../contract/index.js';
import { LOG_SUFFIXES, type ReaderPool } from '../../reader/index.js';
import { inScratch } from '../../runtime/index.js';
import type { ApiClient } from '../api-client.js';
import { collectMemories, type Collected } from './collect.js';
import { compareDatabases, type Comparison } from './compare.js';

/** What Session-Buddy calls the database of each kind. */
const DATABASE_OF: Readonly<Record<Kind, string>> = {
  conversation: 'reflection.duckdb',
  reflection: 'reflection.duckdb',
  entity: 'knowledge_graph.duckdb',
  relation: 'knowledge_graph.duckdb',
};
const DATABASES = [...new Set(Object.values(DATABASE_OF))];

export interface RestoreRequest {
  systemId: SystemId;
  /** The folder that gets the databases; made where there is none. */
  folder: string;
  onProgress: (text: string) => void;
}

export interface Restored extends Omit<Collected, 'hashes'>, Comparison {
  files: string[];
}

/**
 * Writes the current memories of a system, from all tiers, as the two databases of a Session-Buddy host, and compares the content hash of
 * each with the store's. The databases appear under their names last, whole, and also where hashes differ, because what is right in them
 * is worth having: the answer names the memories that are not.
 *
 * Raises `BadRequest` where a file of that name or of its logs exists, or the server has nothing of the system.
 */
export async function restoreSystem(
  api: ApiClient,
  reader: ReaderPool,
  { systemId, folder, onProgress }: RestoreRequest,
): Promise<Restored> {
  const target = resolve(folder);
  const files = DATABASES.map((name) => join(target, name));
  for (const file of files) await refuseExisting(file);
  await mkdir(target, { recursive: true });
  // Beside the outcome: on the same file system, so that putting it in place is no copy.
  return inScratch(target, '.restore-', async (scratch) => {
    const { hashes, ...counts } = await collectMemories(api, systemId, rowsFileIn(scratch), (read) => {
      onProgress(`reading: ${read} memories`);
    });
    if (hashes.size === 0) {
      throw new AkoshaError(
        'BadRequest',
        `the server at ${api.url} has no memories of system ${systemId}: --system must name one that it has (\`akosha search\` shows whose a memory is)`,
      );
    }
    onProgress(`writing: ${hashes.size} memories`);
    const built = await buildDatabases(reader, scratch);
    onProgress(`comparing: ${hashes.size} memories`);
    const compared = await compareDatabases(reader, built, hashes, scratch);
    await putInPlace(built, files);
    return { files, ...counts, ...compared };
  });
}

/** A log of an earlier database of that name would be worked into the new one by whoever opens it. */
async function refuseExisting(file: string): Promise<void> {
  for (const suffix of ['', ...LOG_SUFFIXES]) {
    const found = await lstat(file + suffix).catch(() => undefined);
    if (found !== undefined) throw exists(file + suffix);
  }
}

function exists(file: string, cause?: unknown): AkoshaError {
  const message = `${file} exists, and a restore overwrites nothing: move it away, or name another folder with --to`;
  return new AkoshaError('BadRequest', message, { cause });
}

function rowsFileIn(scratch: string): (kind: Kind) => string {
  return (kind) => join(scratch, `${DATABASE_OF[kind]}.jsonl`);
}

async function buildDatabases(reader: ReaderPool, scratch: string): Promise<string[]> {
  const built: string[] = [];
  for (const name of DATABASES) {
    const kinds = KINDS.filter((kind) => DATABASE_OF[kind] === name);
    const output = join(scratch, name);
    await reader.buildDatabase({ rows: `${output}.jsonl`, kinds, scratch, output });
    built.push(output);
  }
  return built;
}

/** By links, which never replace a file that came meanwhile. All of them or none. */
async function putInPlace(built: readonly string[], files: readonly string[]): Promise<void> {
  const placed: string[] = [];
  try {
    for (const [i, file] of files.entries()) {
      await link(built[i] ?? '', file).catch((error: unknown) => {
        throw isTaken(error) ? exists(file, error) : error;
      });
      placed.push(file);
    }
  } catch (error) {
    for (const file of placed) await rm(file, { force: true });
    throw error;
  }
}

function isTaken(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EEXIST';
}

import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { AkoshaError, KINDS, type Kind, type SystemId } from '../../contract/index.js';
import type { ReaderPool } from '../../reader/index.js';
import { inScratch } from '../../runtime/index.js';
import type { ApiClient } from '../api-client.js';
import { putInPlace, refuseExisting } from '../place-files.js';
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

export interface Restored extends Omit<Collected, 'memories'>, Comparison {
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
  for (const file of files) await refuseExisting(file, REMEDY);
  await mkdir(target, { recursive: true });
  // Beside the outcome: on the same file system, so that putting it in place is no copy.
  return inScratch(target, '.restore-', async (scratch) => {
    const expected = join(scratch, 'expected.jsonl');
    const collectInto = { rowsOf: rowsFileIn(scratch), expected };
    const { memories, ...counts } = await collectMemories(api, systemId, collectInto, (read) => {
      onProgress(`reading: ${read} memories`);
    });
    if (memories === 0) {
      throw new AkoshaError(
        'BadRequest',
        `the server at ${api.url} has no memories of system ${systemId}: --system must name one that it has (\`akosha search\` shows whose a memory is)`,
      );
    }
    onProgress(`writing: ${memories} memories`);
    const built = await buildDatabases(reader, scratch);
    onProgress(`comparing: ${memories} memories`);
    const compared = await compareDatabases(reader, built, expected, scratch);
    await putInPlace(built, files, REMEDY);
    return { files, ...counts, ...compared };
  });
}

const REMEDY = 'a restore overwrites nothing: move it away, or name another folder with --to';

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

import { open, type FileHandle } from 'node:fs/promises';
import { KINDS, type Kind, type SystemId, type Tier } from '../../contract/index.js';
import type { ApiClient } from '../api-client.js';
import { memoryPages, type PagedMemory } from '../memory-pages.js';

/** What was read of a system. */
export interface Collected {
  memories: number;
  kinds: Record<Kind, number>;
  tiers: Record<Tier, number>;
  /** Memories by what is left of their vectors; `none` has those that never had one. */
  embeddings: { exact: number; rounded: number; none: number };
}

export function nothingCollected(): Collected {
  return {
    memories: 0,
    kinds: { conversation: 0, reflection: 0, entity: 0, relation: 0 },
    tiers: { hot: 0, warm: 0, cold: 0 },
    embeddings: { exact: 0, rounded: 0, none: 0 },
  };
}

export interface CollectFiles {
  /** Of each kind: gets its memories as lines of the row format (`ReaderPool.buildDatabase`). */
  rowsOf: (kind: Kind) => string;
  /** Gets the hashes of all, for `compareDatabases`. */
  expected: string;
}

/** Reads all memories of a system from the server, and writes them to files. */
export async function collectMemories(
  api: ApiClient,
  systemId: SystemId,
  { rowsOf, expected }: CollectFiles,
  onRead: (memories: number) => void,
): Promise<Collected> {
  const collected = nothingCollected();
  const handles = new Map<string, FileHandle>();
  try {
    for (const file of [...new Set(KINDS.map(rowsOf)), expected]) handles.set(file, await open(file, 'wx'));
    for await (const memories of memoryPages(api, systemId)) {
      for (const [file, handle] of handles) {
        const lines =
          file === expected
            ? memories.map(hashLine)
            : memories.filter(({ kind }) => rowsOf(kind) === file).map(rowLine);
        await handle.write(lines.join(''));
      }
      for (const memory of memories) count(collected, memory);
      onRead(collected.memories);
    }
    return collected;
  } finally {
    for (const handle of handles.values()) await handle.close();
  }
}

function hashLine({ kind, memory_id, hash }: PagedMemory): string {
  return `${JSON.stringify({ kind, memory_id, hash })}\n`;
}

function rowLine({ tier: _tier, hash: _hash, created_at: _ownTime, ...row }: PagedMemory): string {
  return `${JSON.stringify(row)}\n`;
}

export function count(collected: Collected, memory: PagedMemory): void {
  collected.memories += 1;
  collected.kinds[memory.kind] += 1;
  collected.tiers[memory.tier] += 1;
  const vector = memory.embedding === null ? 'none' : memory.tier === 'hot' ? 'exact' : 'rounded';
  collected.embeddings[vector] += 1;
}

import { open, type FileHandle } from 'node:fs/promises';
import { z } from 'zod';
import { KINDS, TIERS, type Kind, type SystemId, type Tier } from '../../contract/index.js';
import type { ApiClient } from '../api-client.js';

/** Of a page: some megabytes with their vectors, which is little to hold and few enough round trips. */
const PAGE_ROWS = 200;

const Memory = z.object({
  kind: z.enum(KINDS),
  memory_id: z.string(),
  tier: z.enum(TIERS),
  hash: z.string(),
  content: z.string(),
  project: z.string().nullable(),
  tags: z.array(z.string().nullable()).nullable(),
  fields: z.string(),
  embedding: z.array(z.number()).nullable(),
});
const Page = z.object({ memories: z.array(Memory), next: z.string().nullable() });

/** What was read of a system. */
export interface Collected {
  /** Content hashes by key (`keyOf`): some 150 bytes a memory. */
  hashes: Map<string, string>;
  kinds: Record<Kind, number>;
  tiers: Record<Tier, number>;
  /** Memories by what is left of their vectors; `none` has those that never had one. */
  embeddings: { exact: number; rounded: number; none: number };
}

export function keyOf({ kind, memory_id }: { kind: Kind; memory_id: string }): string {
  return `${kind}:${memory_id}`;
}

/**
 * Reads all memories of a system from the server, and writes each as a line of the row format (`ReaderPool.buildDatabase`) to the file
 * of its kind. What is ingested meanwhile may be among them or not; each memory is as it was when its page was read.
 */
export async function collectMemories(
  api: ApiClient,
  systemId: SystemId,
  fileOf: (kind: Kind) => string,
  onRead: (memories: number) => void,
): Promise<Collected> {
  const collected: Collected = {
    hashes: new Map(),
    kinds: { conversation: 0, reflection: 0, entity: 0, relation: 0 },
    tiers: { hot: 0, warm: 0, cold: 0 },
    embeddings: { exact: 0, rounded: 0, none: 0 },
  };
  const handles = new Map<string, FileHandle>();
  try {
    for (const file of new Set(KINDS.map(fileOf))) handles.set(file, await open(file, 'wx'));
    let after: string | null = null;
    do {
      const query = new URLSearchParams({ limit: String(PAGE_ROWS), ...(after === null ? {} : { after }) });
      const page: z.output<typeof Page> = await api.get(
        `/api/v1/systems/${systemId}/memories?${query.toString()}`,
        Page,
      );
      for (const [file, handle] of handles) {
        const lines = page.memories.filter(({ kind }) => fileOf(kind) === file).map(lineOf);
        await handle.write(lines.join(''));
      }
      for (const memory of page.memories) count(collected, memory);
      onRead(collected.hashes.size);
      after = page.next;
    } while (after !== null);
    return collected;
  } finally {
    for (const handle of handles.values()) await handle.close();
  }
}

function lineOf({ tier: _tier, hash: _hash, ...row }: z.output<typeof Memory>): string {
  return `${JSON.stringify(row)}\n`;
}

function count(collected: Collected, memory: z.output<typeof Memory>): void {
  collected.hashes.set(keyOf(memory), memory.hash);
  collected.kinds[memory.kind] += 1;
  collected.tiers[memory.tier] += 1;
  const vector = memory.embedding === null ? 'none' : memory.tier === 'hot' ? 'exact' : 'rounded';
  collected.embeddings[vector] += 1;
}

import { z } from 'zod';
import { KINDS, TIERS, type Kind, type SystemId } from '../contract/index.js';
import type { ApiClient } from './api-client.js';

/** Of a page: some megabytes with their vectors, which is little to hold and few enough round trips. */
const PAGE_ROWS = 200;

const Memory = z.object({
  kind: z.enum(KINDS),
  memory_id: z.string(),
  tier: z.enum(TIERS),
  created_at: z.string(),
  hash: z.string(),
  content: z.string(),
  project: z.string().nullable(),
  tags: z.array(z.string().nullable()).nullable(),
  fields: z.string(),
  embedding: z.array(z.number()).nullable(),
});
/** A memory as the server tells it whole. `fields` is the text of a JSON object. */
export type PagedMemory = z.infer<typeof Memory>;

const Page = z.object({ memories: z.array(Memory), next: z.string().nullable() });

export interface MemoryFilters {
  kind?: string | undefined;
  project?: string | undefined;
  since?: string | undefined;
  until?: string | undefined;
}

/** A memory within its system, as text. */
export function keyOf({ kind, memory_id }: { kind: Kind; memory_id: string }): string {
  return `${kind}:${memory_id}`;
}

/**
 * All memories of a system, page by page, in order of kind and of the bytes of their ids. What is ingested meanwhile may be among them or not;
 * each is as it was when its page was read.
 */
export async function* memoryPages(
  api: ApiClient,
  systemId: SystemId,
  filters: MemoryFilters = {},
): AsyncGenerator<PagedMemory[]> {
  const asked = Object.entries(filters).filter(
    (filter): filter is [string, string] => filter[1] !== undefined,
  );
  let after: string | null = null;
  do {
    const query = new URLSearchParams({
      ...Object.fromEntries(asked),
      limit: String(PAGE_ROWS),
      ...(after === null ? {} : { after }),
    });
    const page: z.output<typeof Page> = await api.get(
      `/api/v1/systems/${encodeURIComponent(systemId)}/memories?${query.toString()}`,
      Page,
    );
    yield page.memories;
    after = page.next;
  } while (after !== null);
}

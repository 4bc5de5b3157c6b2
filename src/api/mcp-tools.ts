import { z } from 'zod';
import { AkoshaError, isAkoshaError, messageOf, type UploadRef } from '../contract/index.js';
import type { AcceptedRow, RowSource } from '../ingest/index.js';
import * as rows from './mcp-rows.js';
import type { ReceivedRow } from './mcp-rows.js';
import { SEARCH_TOOL, type SearchToolContext } from './mcp-search.js';
import { rulesOf, toolbox, type Tool, type Toolbox, type ToolAnswer } from './mcp-toolbox.js';

/** Rows that are promised, and the upload that they are in. */
interface StoredRows {
  ref: UploadRef;
  storedAt: number;
  order: number;
}

/** Stores rows as an upload; returns once they are promised. */
export type AcceptRows = (source: RowSource, rows: readonly AcceptedRow[]) => Promise<StoredRows>;

export interface ToolContext extends SearchToolContext {
  acceptRows: AcceptRows;
  /** Told of faults that are this server's, which the caller learns no details of. */
  onFault: (error: unknown) => void;
}

/** The original's limit. */
const MAX_BATCH = 1000;

const Batch = z.object({
  memories: z
    .array(z.record(z.string(), z.unknown()))
    .max(MAX_BATCH, `must hold at most ${MAX_BATCH} memories`)
    .describe(
      `At most ${MAX_BATCH} memories, each with memory_id, text, and if you like embedding and metadata.`,
    ),
});

/** Names, arguments and answers are the original's: see docs/reference/sync-methods.md. */
const TOOLS: Readonly<Record<string, Tool<ToolContext>>> = {
  store_memory: tool(
    'Store one memory of an agent host: a conversation or a reflection. Stored again under the same id, it replaces what it was.',
    rows.MemoryItem,
    async (item, context) => {
      const received = rows.memoryRow(item);
      const answer = await storeOne(received, context, { memory_id: item.memory_id });
      return {
        embedding_dim: received.row.embedding?.length ?? null,
        source: item.metadata?.['source'] ?? 'unknown',
        ...answer,
      };
    },
  ),
  batch_store_memories: {
    description: `Store up to ${MAX_BATCH} memories at once. Each is stored or refused by itself; the answer counts both and gives the reasons.`,
    input: Batch,
    run: async (input, context) => storeBatch(Batch.parse(input).memories, context),
  },
  store_reflection: tool(
    'Store one reflection: something that a host’s agent has learnt.',
    rows.ReflectionItem,
    (item, context) => storeOne(rows.reflectionRow(item), context, { reflection_id: item.reflection_id }),
  ),
  create_entity: tool(
    'Store an entity of a host’s knowledge graph. The same name and type without an id of its own is the same entity.',
    rows.EntityItem,
    (item, context) => {
      const received = rows.entityRow(item);
      return storeOne(received, context, { id: received.row.memory_id, name: item.name });
    },
  ),
  create_relation: tool(
    'Store a relation between two entities of a host’s knowledge graph.',
    rows.RelationItem,
    (item, context) => {
      const received = rows.relationRow(item);
      return storeOne(received, context, { id: received.row.memory_id, relation_type: item.relation_type });
    },
  ),
  search_all_systems: SEARCH_TOOL,
};

/** What stores and finds memories, for agents of other programs. */
export function serverTools(context: ToolContext): Toolbox {
  return toolbox(TOOLS, context, (error) => failure(reasonOf(error, context), isRetryable(error)));
}

/** One memory, stored or failed. */
function tool<Schema extends z.ZodType>(
  description: string,
  input: Schema,
  run: (input: z.output<Schema>, context: ToolContext) => Promise<Record<string, unknown>>,
): Tool<ToolContext> {
  return {
    description,
    input,
    run: async (raw, context) => ({ output: await run(input.parse(raw), context), failed: false }),
  };
}

async function storeOne(
  { source, row }: ReceivedRow,
  { acceptRows }: ToolContext,
  named: Record<string, unknown>,
): Promise<Record<string, unknown>> {
  const stored = await acceptRows(source, [row]);
  const { storedAt, order } = stored;
  return { status: 'stored', ...named, stored_at: isoTime(storedAt), order, uploads: uploadsOf([stored]) };
}

interface ItemFault {
  memory_id: unknown;
  error: string;
}

async function storeBatch(
  items: readonly Record<string, unknown>[],
  context: ToolContext,
): Promise<ToolAnswer> {
  const errors: ItemFault[] = [];
  const bySource = new Map<string, { source: RowSource; rows: AcceptedRow[] }>();
  for (const item of items) {
    const received = readItem(item, context);
    if ('error' in received) {
      errors.push(received);
      continue;
    }
    const key = JSON.stringify(received.source);
    const group = bySource.get(key) ?? { source: received.source, rows: [] };
    group.rows.push(received.row);
    bySource.set(key, group);
  }
  const outcomes = await Promise.all(
    [...bySource.values()].map(async (group) => {
      try {
        return { stored: [await context.acceptRows(group.source, group.rows)], errors: [], retryable: false };
      } catch (error) {
        const reason = reasonOf(error, context);
        const faults = group.rows.map((row) => ({ memory_id: row.memory_id, error: reason }));
        return { stored: [], errors: faults, retryable: isRetryable(error) };
      }
    }),
  );
  for (const outcome of outcomes) errors.push(...outcome.errors);
  return batchAnswer(items.length, errors, {
    stored: outcomes.flatMap((outcome) => outcome.stored),
    retryable: outcomes.some((outcome) => outcome.retryable),
  });
}

function readItem(item: Record<string, unknown>, context: ToolContext): ReceivedRow | ItemFault {
  const parsed = rows.MemoryItem.safeParse(item);
  if (!parsed.success) return { memory_id: item['memory_id'] ?? null, error: rulesOf(parsed.error) };
  try {
    return rows.memoryRow(parsed.data);
  } catch (error) {
    return { memory_id: parsed.data.memory_id, error: reasonOf(error, context) };
  }
}

function batchAnswer(
  total: number,
  errors: readonly ItemFault[],
  { stored, retryable }: { stored: readonly StoredRows[]; retryable: boolean },
): ToolAnswer {
  const failed = errors.length;
  const status = failed === 0 ? 'completed' : failed < total ? 'partial' : 'failed';
  const last = stored.at(-1);
  const output = {
    status,
    total,
    stored: total - failed,
    failed,
    errors,
    stored_at: last === undefined ? null : isoTime(last.storedAt),
    // A client that reads no errors of single memories still learns a reason.
    ...(status === 'failed' ? { error: errors[0]?.error } : {}),
    ...(last === undefined ? {} : { order: last.order, uploads: uploadsOf(stored) }),
    ...(retryable ? { retryable } : {}),
  };
  return { output, failed: status === 'failed' };
}

/** Where a client can ask what became of its memories: `GET /api/v1/systems/{system_id}/uploads/{upload_id}`. */
function uploadsOf(stored: readonly StoredRows[]): { system_id: string; upload_id: string }[] {
  return stored.map(({ ref }) => ({ system_id: ref.systemId, upload_id: ref.uploadId }));
}

function failure(error: string, retryable = false): ToolAnswer {
  return { output: { status: 'failed', error, ...(retryable ? { retryable } : {}) }, failed: true };
}

/** Whether the same memories may be taken later: the fault is this server's, or its object store's. */
function isRetryable(error: unknown): boolean {
  return error instanceof AkoshaError && !error.permanent;
}

function reasonOf(error: unknown, { onFault }: ToolContext): string {
  if (error instanceof z.ZodError) return rulesOf(error);
  if (!isAkoshaError(error, 'BadRequest')) onFault(error);
  return error instanceof AkoshaError ? messageOf(error) : 'internal error: the server’s log has it';
}

function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}

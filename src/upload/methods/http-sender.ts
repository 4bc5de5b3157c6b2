import { z } from 'zod';
import { AkoshaError, KINDS, type Kind } from '../../contract/index.js';
import { TOOL_OF, toArguments, type ListedRow, type RowContext } from './http-rows.js';
import type { HttpState } from './http-state.js';
import type { McpClient, ToolReply } from './mcp-client.js';

/** What became of an upload's memories of one kind. */
export interface KindCounts {
  /** The server has them since this call. */
  stored: number;
  /** It had them before, as they are. */
  known: number;
  /** It refused them one by one. */
  refused: number;
  /** It has no tool that takes them. */
  undeliverable: number;
}

export interface RefusedRow {
  kind: Kind;
  id: string;
  error: string;
}

/** Session-Buddy's own batch. */
const PAGE_ROWS = 100;

/** The server gives a request a minute to come in: one of this size does over a line of 20 kB/s. A larger memory goes alone. */
const PAGE_BYTES = 1024 ** 2;

/**
 * Requests under way: the server stores what comes together as one upload, so that single memories cost it little more than batches. In
 * memory they are held by their size, of which a few make no difference to a host.
 */
const AT_ONCE = 64;
const BYTES_AT_ONCE = 4 * PAGE_BYTES;

/** Reasons that a result names; of a thousand refusals the rest say the same. */
const MAX_REASONS = 20;

interface Page {
  tool: string;
  rows: ListedRow[];
  items: Record<string, unknown>[];
  bytes: number;
}

interface SenderOptions {
  state: HttpState;
  context: RowContext;
  hostOrder: number;
  /** Told the id of an upload that the server made of memories, before they count as acknowledged. */
  onStored: (serverUploadId: string) => void;
}

/** Sends memories and keeps in `state` which of them the server has. */
export class RowSender {
  readonly counts: Record<Kind, KindCounts>;
  readonly refused: RefusedRow[] = [];
  bytesSent = 0;
  /** What the server stored the memories as that it had before, as far as it has not said that they were ingested. */
  readonly doubtful = new Set<string>();
  /** Any of the others. */
  ingested: string | undefined;
  readonly #client: McpClient;
  readonly #tools: ReadonlySet<string>;
  readonly #state: HttpState;
  readonly #context: RowContext;
  readonly #hostOrder: number;
  readonly #onStored: (serverUploadId: string) => void;
  readonly #serverUploads = new Set<string>();
  readonly #underWay = new Set<Promise<void>>();
  #page: Page | undefined;
  #bytesUnderWay = 0;
  #failure: { error: unknown } | undefined;

  constructor(
    client: McpClient,
    tools: ReadonlySet<string>,
    { state, context, hostOrder, onStored }: SenderOptions,
  ) {
    this.#client = client;
    this.#tools = tools;
    this.#state = state;
    this.#context = context;
    this.#hostOrder = hostOrder;
    this.#onStored = onStored;
    const none = (): KindCounts => ({ stored: 0, known: 0, refused: 0, undeliverable: 0 });
    this.counts = { conversation: none(), reflection: none(), entity: none(), relation: none() };
  }

  /** Waits where much is under way already. Raises what sending an earlier row raised. */
  async add(row: ListedRow): Promise<void> {
    const { kind, memory_id: memoryId, hash } = row;
    const tool = TOOL_OF[kind];
    const held = this.#state.whereIs({ kind, memoryId }, hash);
    if (held !== undefined) this.#known(kind, held);
    else if (!this.#tools.has(tool)) this.counts[kind].undeliverable += 1;
    else if (kind === 'conversation') await this.#addToPage(tool, row);
    else await this.#addAlone(tool, row);
  }

  #known(kind: Kind, { uploadId, ingested }: { uploadId: string | null; ingested: boolean }): void {
    this.counts[kind].known += 1;
    if (uploadId === null) return;
    if (ingested) this.ingested = uploadId;
    else this.doubtful.add(uploadId);
  }

  /** Sends what waits, and waits for all of it. */
  async finish(): Promise<void> {
    await this.#sendPage();
    await Promise.all(this.#underWay);
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  /** Waits for what is under way, and raises nothing. */
  async settle(): Promise<void> {
    await Promise.all(this.#underWay);
  }

  async #addToPage(tool: string, row: ListedRow): Promise<void> {
    const { item, bytes } = this.#itemOf(row);
    if (this.#page !== undefined && this.#page.bytes + bytes > PAGE_BYTES) await this.#sendPage();
    this.#page ??= { tool, rows: [], items: [], bytes: 0 };
    this.#page.rows.push(row);
    this.#page.items.push(item);
    this.#page.bytes += bytes;
    if (this.#page.rows.length === PAGE_ROWS) await this.#sendPage();
  }

  #addAlone(tool: string, row: ListedRow): Promise<void> {
    const { item, bytes } = this.#itemOf(row);
    return this.#start({ tool, rows: [row], items: [item], bytes });
  }

  #itemOf(row: ListedRow): { item: Record<string, unknown>; bytes: number } {
    const item = toArguments(row, this.#context);
    return { item, bytes: JSON.stringify(item).length };
  }

  async #sendPage(): Promise<void> {
    const page = this.#page;
    this.#page = undefined;
    if (page !== undefined) await this.#start(page);
  }

  async #start(page: Page): Promise<void> {
    while (this.#underWay.size >= AT_ONCE || this.#bytesUnderWay > BYTES_AT_ONCE) {
      await Promise.race(this.#underWay);
    }
    if (this.#failure !== undefined) throw this.#failure.error;
    this.#bytesUnderWay += page.bytes;
    const work = this.#send(page)
      .catch((error: unknown) => void (this.#failure ??= { error }))
      .finally(() => {
        this.#underWay.delete(work);
        this.#bytesUnderWay -= page.bytes;
      });
    this.#underWay.add(work);
  }

  async #send({ tool, rows, items }: Page): Promise<void> {
    // Marked before it goes out: should the answer be lost, the server may have this version or not.
    this.#state.sending(rows.map(keyOf));
    const single = tool === TOOL_OF.conversation ? undefined : items[0];
    const reply = await this.#client.callTool(tool, single ?? { memories: items });
    this.bytesSent += reply.bytesSent;
    const reasons = single === undefined ? batchReasons(reply, rows) : singleReasons(reply, rows);
    const uploadId = this.#learnUpload(reply);
    const stored = rows.filter((row) => !reasons.has(row.memory_id));
    this.#state.acknowledged(
      stored.map((row) => ({ ...keyOf(row), hash: row.hash })),
      uploadId,
    );
    this.#learnOrder(reply);
    // Our server says so where its object store is away: the memories are not at fault.
    if (reply.output['retryable'] === true) {
      throw new AkoshaError(
        'ServerUnavailable',
        `the server cannot store now: ${[...reasons.values()][0] ?? ''}`,
      );
    }
    for (const row of rows) this.#count(row, reasons.get(row.memory_id));
  }

  #count({ kind, memory_id: id }: ListedRow, reason: string | undefined): void {
    if (reason === undefined) {
      this.counts[kind].stored += 1;
      return;
    }
    this.counts[kind].refused += 1;
    if (this.refused.length < MAX_REASONS) this.refused.push({ kind, id, error: reason });
  }

  /**
   * Our server says what it stored the rows as; the original has no uploads of them. One upload answers many calls, and a call, whose rows
   * are all of one system and one upload of ours, has one.
   */
  #learnUpload({ output }: ToolReply): string | undefined {
    const uploads = ServerUploads.safeParse(output['uploads']).data ?? [];
    const uploadId = uploads.find((upload) => upload.system_id === this.#context.systemId)?.upload_id;
    if (uploadId === undefined || this.#serverUploads.has(uploadId)) return uploadId;
    this.#serverUploads.add(uploadId);
    this.#onStored(uploadId);
    return uploadId;
  }

  /** Our server says under which order it stored the rows; the original has no orders. */
  #learnOrder({ output }: ToolReply): void {
    const order = z.int().safeParse(output['order']);
    if (order.success) this.#state.learnOrderOffset(order.data - this.#hostOrder);
  }
}

export function totalOf(counts: Readonly<Record<Kind, KindCounts>>, field: keyof KindCounts): number {
  return KINDS.reduce((sum, kind) => sum + counts[kind][field], 0);
}

function keyOf({ kind, memory_id: memoryId }: ListedRow): { kind: Kind; memoryId: string } {
  return { kind, memoryId };
}

/** An id becomes part of a path at this server, so it must be a name. */
const ServerUploads = z.array(
  z.object({ system_id: z.string(), upload_id: z.string().regex(/^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,199}$/) }),
);

const BatchReply = z.object({
  stored: z.number(),
  errors: z.array(z.object({ memory_id: z.string().nullish(), error: z.unknown().optional() })).nullish(),
  error: z.unknown().optional(),
});

/** Why which memories were not stored. Where the answer does not add up none counts as stored: sent again, they do no harm. */
function batchReasons({ output }: ToolReply, rows: readonly ListedRow[]): Map<string, string> {
  const parsed = BatchReply.safeParse(output);
  const errors = parsed.success ? (parsed.data.errors ?? []) : [];
  const reasons = new Map(errors.map(({ memory_id, error }) => [memory_id ?? '', textOf(error)]));
  if (parsed.success && parsed.data.stored + reasons.size === rows.length && !reasons.has('')) return reasons;
  const reason = textOf(output['error'] ?? errors[0]?.error ?? JSON.stringify(output).slice(0, 200));
  return new Map(rows.map((row) => [row.memory_id, reasons.get(row.memory_id) ?? reason]));
}

/** `store_reflection` answers with a status, the others with the id of what they made. */
function singleReasons({ output }: ToolReply, rows: readonly ListedRow[]): Map<string, string> {
  const failed = output['status'] === 'failed' || (output['error'] ?? null) !== null;
  if (!failed && (output['status'] === 'stored' || typeof output['id'] === 'string')) return new Map();
  const reason = textOf(output['error'] ?? JSON.stringify(output).slice(0, 200));
  return new Map(rows.map((row) => [row.memory_id, reason]));
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value ?? 'no reason given');
}

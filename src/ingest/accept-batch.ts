import { setTimeout as sleep } from 'node:timers/promises';
import { AkoshaError, isAkoshaError, type Kind, type SystemId, type UploadRef } from '../contract/index.js';
import { currentTraceparent, withSpan } from '../runtime/index.js';
import { OrderBook, type ClientUpload } from './accept-batch-order.js';
import { storeGroup, type RowGroup, type StoredGroup, type StoreOptions } from './accept-batch-store.js';
import { zoneOfSystem, type IngestContext } from './context.js';

/** A memory as it came over HTTP: the row format of `ReaderPool.buildDatabase`. */
export interface AcceptedRow {
  kind: Kind;
  memory_id: string;
  content: string | null;
  project: string | null;
  tags: readonly (string | null)[] | null;
  fields: Readonly<Record<string, unknown>>;
  embedding: readonly number[] | null;
}

/** Where rows come from. */
export interface RowSource {
  systemId: SystemId;
  /** IANA zone of the rows' timestamps; null: not told, so that the setting for the system says it. */
  timeZone: string | null;
  /** Absent for a client that has no uploads, such as Session-Buddy itself. */
  upload?: ClientUpload | undefined;
  /** Of the trace that the client sends them in (W3C Trace Context). Of rows that go into one upload, the first's counts. */
  traceparent?: string | undefined;
}

/** With the zone that goes into the manifest. */
type ZonedSource = RowSource & { timeZone: string };

export interface AcceptorOptions extends StoreOptions {
  /** Told of each upload that stands now. Not waited for: its inbox entry is the durable path. */
  onStored: (ref: UploadRef) => void;
  /** Of rows that wait to be stored. Default 128 MiB. */
  maxWaitingBytes?: number;
}

/**
 * Clients send reflections, entities and relations one by one, and an upload for each would be four requests to the object store,
 * a database file and a workflow's turn for a single row. So rows wait this long for company: nothing beside the round trip to an
 * object store, and enough for a client that sends a dozen at once.
 */
const WINDOW_MS = 50;

/** A group that has so many does not wait: the next goes into an upload of its own. */
const GROUP_ROWS = 500;
const GROUP_BYTES = 8 * 1024 ** 2;

/** Of rows in memory that wait to be stored. An object store that hangs must not fill the server: beyond, clients are told to come again. */
const WAITING_BYTES = 128 * 1024 ** 2;

interface Group extends RowGroup {
  kinds: Set<Kind>;
  lines: string[];
  /** Lines by key, to know a row that is there already. */
  byKey: Map<string, string>;
  bytes: number;
  since: number;
  submissions: Submission[];
}

interface Submission {
  rows: readonly Line[];
  resolve: (stored: StoredGroup) => void;
  reject: (error: unknown) => void;
}

interface Line {
  kind: Kind;
  key: string;
  text: string;
}

/**
 * Turns rows that come over HTTP into uploads, so that they go the way of all others. A system's groups are stored one after the
 * other, in the order they came, because each gets its order by what stands before it.
 */
export class BatchAcceptor {
  readonly #context: IngestContext;
  readonly #options: AcceptorOptions;
  readonly #orders: OrderBook;
  readonly #queues = new Map<SystemId, Group[]>();
  readonly #working = new Set<Promise<void>>();
  #waitingBytes = 0;

  constructor(context: IngestContext, options: AcceptorOptions) {
    this.#context = context;
    this.#options = options;
    this.#orders = new OrderBook(context);
  }

  /**
   * Returns when the rows stand in object storage as an upload, alone or with others of their system. Of two rows with one key the
   * later counts.
   *
   * Raises `BadRequest` for rows that a database cannot hold, `ServerUnavailable` where too much waits already, and the object
   * store's errors; then nothing was promised, and sending the rows again does no harm.
   */
  accept(from: RowSource, rows: readonly AcceptedRow[]): Promise<StoredGroup> {
    const timeZone = from.timeZone ?? zoneOfSystem(this.#context, from.systemId);
    const source = { ...from, timeZone };
    const lines = [...new Map(rows.map((row) => [keyOf(row), row])).values()].map(toLine);
    const bytes = lines.reduce((sum, { text }) => sum + text.length, 0);
    if (this.#waitingBytes + bytes > (this.#options.maxWaitingBytes ?? WAITING_BYTES)) {
      return Promise.reject(
        new AkoshaError(
          'ServerUnavailable',
          'too many memories wait for the object store; send them again in a while',
        ),
      );
    }
    this.#waitingBytes += bytes;
    const stored = new Promise<StoredGroup>((resolve, reject) => {
      const submission = { rows: lines, resolve, reject };
      this.#groupFor(source, submission).submissions.push(submission);
    });
    return stored.finally(() => (this.#waitingBytes -= bytes));
  }

  /** Waits for what is under way. Nothing may be accepted any more. */
  async close(): Promise<void> {
    await Promise.all(this.#working);
  }

  #groupFor(source: ZonedSource, submission: Submission): Group {
    const queue = this.#queues.get(source.systemId);
    const last = queue?.at(-1);
    if (last !== undefined && accepts(last, source, submission)) return add(last, submission);
    const group = add(newGroup(source), submission);
    if (queue === undefined) this.#start(source.systemId, [group]);
    else queue.push(group);
    return group;
  }

  #start(systemId: SystemId, queue: Group[]): void {
    this.#queues.set(systemId, queue);
    const work = this.#drain(systemId, queue).finally(() => this.#working.delete(work));
    this.#working.add(work);
  }

  async #drain(systemId: SystemId, queue: Group[]): Promise<void> {
    for (let group = queue[0]; group !== undefined; group = queue[0]) {
      const left = group.since + WINDOW_MS - performance.now();
      if (left > 0 && !isFull(group)) await sleep(left);
      // Only now does it take no more: what came while the one before it was stored is in it.
      queue.shift();
      await this.#settle(group);
    }
    this.#queues.delete(systemId);
  }

  async #settle(group: Group): Promise<void> {
    try {
      const stored = await this.#store(group);
      for (const { resolve } of group.submissions) resolve(stored);
    } catch (error) {
      if (isAkoshaError(error, 'BadRequest') && group.submissions.length > 1) return this.#settleApart(group);
      for (const { reject } of group.submissions) reject(error);
    }
  }

  /** One client's rows that no database can hold are not to cost another its own. */
  async #settleApart({ submissions, ...source }: Group): Promise<void> {
    for (const submission of submissions) {
      const alone = add(newGroup(source), submission);
      alone.submissions.push(submission);
      await this.#settle(alone);
    }
  }

  async #store(group: Group): Promise<StoredGroup> {
    const { systemId, traceparent: continues } = group;
    return withSpan('akosha.accept', { continues, fields: { systemId } }, async (span) => {
      const allotted = await this.#orders.allot(systemId, group.upload);
      // Where this server records none, the ingest may be another's that does.
      const traced = { ...group, traceparent: currentTraceparent() ?? continues };
      const stored = await storeGroup(this.#context, traced, allotted, this.#options);
      span.set({ uploadId: stored.ref.uploadId, rows: group.lines.length, bytes: group.bytes });
      this.#options.onStored(stored.ref);
      return stored;
    });
  }
}

function newGroup({ systemId, timeZone, upload, traceparent }: ZonedSource): Group {
  return {
    systemId,
    timeZone,
    upload,
    traceparent,
    kinds: new Set(),
    lines: [],
    byKey: new Map(),
    bytes: 0,
    since: performance.now(),
    submissions: [],
  };
}

function accepts(group: Group, source: ZonedSource, { rows }: Submission): boolean {
  return (
    !isFull(group) &&
    group.upload?.uploadId === source.upload?.uploadId &&
    group.timeZone === source.timeZone &&
    // A memory that changed within the window is a later version: it goes into a later upload.
    rows.every(({ key, text }) => (group.byKey.get(key) ?? text) === text)
  );
}

function isFull({ lines, bytes }: Group): boolean {
  return lines.length >= GROUP_ROWS || bytes >= GROUP_BYTES;
}

function add(group: Group, { rows }: Submission): Group {
  for (const { kind, key, text } of rows) {
    if (group.byKey.has(key)) continue;
    group.byKey.set(key, text);
    group.kinds.add(kind);
    group.lines.push(text);
    group.bytes += text.length;
  }
  return group;
}

function toLine(row: AcceptedRow): Line {
  return { kind: row.kind, key: keyOf(row), text: JSON.stringify(row) };
}

/** No kind holds a space. */
function keyOf({ kind, memory_id }: AcceptedRow): string {
  return `${kind} ${memory_id}`;
}

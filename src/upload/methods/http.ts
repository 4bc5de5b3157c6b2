import { createReadStream } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { AkoshaError, KINDS, messageOf, type Kind } from '../../contract/index.js';
import type { Manifest, UploadedFile } from '../../memory/index.js';
import { CircuitBreaker } from '../../runtime/index.js';
import type { Host } from '../host.js';
import { agentFolder, throwIfCancelled, type UploadOptions } from '../options.js';
import type { QueuedUpload } from '../outbox/files.js';
import { settleDoubts } from './http-doubts.js';
import { askAfter, hasIngested, type AskedServer } from './http-outcome.js';
import { ListedRow, TOOL_OF, type RowContext } from './http-rows.js';
import { RowSender, totalOf, type KindCounts, type RefusedRow } from './http-sender.js';
import { HttpState } from './http-state.js';
import { McpClient } from './mcp-client.js';
import type { MethodSettings } from './method-settings.js';
import type { Delivery, SyncMethod } from './method.js';

const HTTP = 'http';

/** With what became of each kind. */
interface HttpDelivery extends Delivery {
  rows: Record<Kind, KindCounts>;
}

type HttpHost = Pick<Host, 'systemId' | 'dataDir' | 'reader' | 'outbox'>;

/**
 * The way for hosts without a bucket: the upload's memories go to an Akosha server as MCP tool calls, those that it does not have yet.
 * The server stores them as uploads of its own. Undefined where the settings name no server.
 */
export function createHttpMethod(host: HttpHost, settings: MethodSettings): SyncMethod | undefined {
  const { http, objectStoreGiven } = settings;
  if (http === undefined) return undefined;
  const options = { name: 'http-server', unavailable: 'ServerUnavailable' } as const;
  const breaker = settings.breakers?.of(options) ?? new CircuitBreaker(options);
  const base = http.url.replace(/\/+$/, '').replace(/\/mcp$/, '');
  const url = `${base}/mcp`;
  return {
    name: HTTP,
    availability: (signal) => probe(base, breaker, signal),
    deliver: (upload, options) =>
      deliver({ host, base, http, url, breaker, ordersAreKnown: objectStoreGiven }, upload, options),
    askAfter: (uploadId) => askAfter({ base, url, http, breaker }, host, uploadId),
    hasIngested: (uploadId, signal) => hasIngested({ base, url, http, breaker }, host, uploadId, signal),
  };
}

/**
 * As Session-Buddy asks: any answer means that the server is there, be it that it knows no such path. One that refuses the token says so
 * when memories are sent.
 */
async function probe(
  base: string,
  breaker: CircuitBreaker,
  signal: AbortSignal | undefined,
): Promise<{ available: true } | { available: false; reason: string }> {
  const { state, lastFailure } = breaker.status();
  if (state === 'open') return { available: false, reason: lastFailure ?? 'its circuit breaker is open' };
  try {
    const response = await fetch(`${base}/status`, { redirect: 'manual', signal: signal ?? null });
    await response.body?.cancel();
    return response.status < 500
      ? { available: true }
      : { available: false, reason: `${base} answered ${response.status}` };
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    return { available: false, reason: `${base}: ${messageOf(cause)}` };
  }
}

interface Destination extends AskedServer {
  host: HttpHost;
  /** Whether the host's numbers are the system's: it asks the object store that the server reads. */
  ordersAreKnown: boolean;
}

async function deliver(to: Destination, upload: QueuedUpload, options: UploadOptions): Promise<HttpDelivery> {
  const { host, url } = to;
  const { manifest } = upload;
  const sent = { uploadId: manifest.uploadId, url };
  const { serverUploads } = host.outbox;
  const scratch = join(agentFolder(host.dataDir), 'http');
  // One upload is delivered at a time: what is there was left by a crash.
  await rm(scratch, { recursive: true, force: true });
  await mkdir(scratch, { recursive: true });
  const { token, timeoutMs } = to.http;
  const client = await McpClient.open({ url, token, timeoutMs, breaker: to.breaker, signal: options.signal });
  const state = new HttpState(host.dataDir, { url, systemId: manifest.systemId });
  try {
    await settleDoubts(to, host, state, options.signal);
    const context = contextOf(to, manifest, state.orderOffset);
    const tools = await client.listTools();
    const sender = new RowSender(client, tools, {
      ...{ state, context, hostOrder: manifest.order },
      onStored: (serverUploadId) => serverUploads.add(sent, serverUploadId),
    });
    const listed = await listRows(host, upload, scratch, options.signal);
    await sendRows(sender, listed, progressOf(manifest, listed.rows, options), options.signal);
    requireAll(url, upload, sender, listed.unread);
    serverUploads.inherit(sent, holdersIn(sender));
    const filesUploaded = manifest.files.map(({ name }) => name);
    return { filesUploaded, bytesTransferred: sender.bytesSent, rows: sender.counts };
  } finally {
    await client.close();
    state.close();
    await rm(scratch, { recursive: true, force: true });
  }
}

/** What the server stored the memories as that were not sent: those that may yet fail, and where there is none, one to ask after. */
function holdersIn({ doubtful, ingested, counts }: RowSender): string[] {
  if (doubtful.size > 0 || totalOf(counts, 'stored') > 0 || ingested === undefined) return [...doubtful];
  return [ingested];
}

function contextOf(to: Destination, manifest: Manifest, offset: number | undefined): RowContext {
  const shift = to.ordersAreKnown ? 0 : (offset ?? 0);
  return {
    systemId: manifest.systemId,
    extra: {
      format: 1,
      upload_id: manifest.uploadId,
      created_at: new Date(manifest.createdAt).toISOString(),
      order: manifest.order + shift,
      order_is_known: to.ordersAreKnown || offset !== undefined,
      previous_order: typeof manifest.previousOrder === 'number' ? manifest.previousOrder + shift : null,
      time_zone: manifest.timeZone ?? 'UTC',
    },
  };
}

interface Listed {
  /** JSON lines, one for each memory of the upload. */
  list: string;
  rows: number;
  /** Files of which this build reads nothing, or not all. */
  unread: string[];
}

/** Readers open the snapshot's files: this process never does. */
async function listRows(
  { reader }: HttpHost,
  { manifest, folder }: QueuedUpload,
  scratch: string,
  signal: AbortSignal | undefined,
): Promise<Listed> {
  const unread = manifest.files.filter(({ flags }) => flags.length > 0).map(({ name }) => name);
  const databases = manifest.files
    .filter(isReadable)
    .map(({ name }) => ({ stored: join(folder, name), label: name }));
  const list = join(scratch, 'rows.jsonl');
  if (databases.length === 0) return { list, rows: 0, unread };
  const rows = join(scratch, 'rows.parquet');
  // Own times are the server's to tell: it has the same columns.
  const times = { timeZone: 'UTC', uploadedAt: manifest.createdAt, asOf: manifest.createdAt };
  await reader.readDatabases({ databases, output: rows, ...times }, { signal });
  return { list, unread, ...(await reader.listRows({ rows, scratch, output: list }, { signal })) };
}

function isReadable({ flags }: UploadedFile): boolean {
  return !flags.includes('unread') && !flags.includes('log');
}

async function sendRows(
  sender: RowSender,
  { list, rows }: Listed,
  report: (rows: number) => void,
  signal: AbortSignal | undefined,
): Promise<void> {
  let through = 0;
  report(through);
  try {
    if (rows === 0) return;
    for await (const line of createInterface({ input: createReadStream(list), crlfDelay: Infinity })) {
      throwIfCancelled(signal, 'sending memories');
      await sender.add(ListedRow.parse(JSON.parse(line)));
      through += 1;
      report(through);
    }
    await sender.finish();
  } finally {
    // Whatever comes of it: nothing may be under way when the state is closed.
    await sender.settle();
  }
}

/** In the upload's own bytes, by how many of its memories are through: what goes over the line is another form of them. */
function progressOf(
  { files }: Manifest,
  rows: number,
  { onProgress }: UploadOptions,
): (rows: number) => void {
  const totalBytes = files.reduce((sum, { storedBytes }) => sum + (storedBytes ?? 0), 0);
  return (through) => {
    const bytes = rows === 0 ? totalBytes : Math.floor((totalBytes * through) / rows);
    const done = through === rows ? files.length : 0;
    onProgress?.({ step: 'rows', method: HTTP, file: null, done, total: files.length, bytes, totalBytes });
  };
}

/**
 * Raises `HTTPSyncError` unless the server has every memory of the upload: an upload that leaves the outbox is promised whole. The counts
 * say what did arrive, and the next try sends only the rest.
 */
function requireAll(
  url: string,
  { manifest }: QueuedUpload,
  sender: RowSender,
  unread: readonly string[],
): void {
  const { counts, refused } = sender;
  const undeliverable = KINDS.filter((kind) => counts[kind].undeliverable > 0);
  const faults = [
    ...undeliverable.map(
      (kind) => `${counts[kind].undeliverable} of kind ${kind}: it has no tool ${TOOL_OF[kind]}`,
    ),
    ...refusals(counts, refused),
    ...unread.map((name) => `file ${name}: no reader here can read all of it`),
  ];
  if (faults.length === 0) return;
  const arrived = totalOf(counts, 'stored') + totalOf(counts, 'known');
  const cause = new AkoshaError('BadRequest', 'the same memories will be refused again');
  throw new AkoshaError(
    'HTTPSyncError',
    `${url} has ${arrived} memories of upload ${manifest.uploadId} and did not take the rest: ${faults.join('; ')}`,
    { cause, details: { uploadId: manifest.uploadId, rows: counts, undeliverable, refused, unread } },
  );
}

function refusals(counts: Readonly<Record<Kind, KindCounts>>, refused: readonly RefusedRow[]): string[] {
  return KINDS.filter((kind) => counts[kind].refused > 0).map((kind) => {
    const first = refused.find((row) => row.kind === kind);
    const example = first === undefined ? '' : `, such as ${first.id}: ${first.error}`;
    return `${counts[kind].refused} of kind ${kind} were refused${example}`;
  });
}
